"""The conversation page while several voices answer, for a browser without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event
from werkzeug.test import TestResponse

from chatapp.turns.voice import Voice
from tests.scripted_upstream import LAST_CHUNK, STREAM_HEAD, ScriptedUpstream, answer, chunk, delta, refuse
from tests.web.conftest import Person, parts_of
from tests.web.event_stream import patience
from tests.web.pages.slotted import children
from tests.web.pages.visit import page_of

COLOURS = {"one": "#2f6f8f", "two": "#8a5a00", "three": "#ffff00"}


@pytest.fixture
def voices(app: Flask, person: Person) -> list[str]:
    """Three voices of the reader's own, each with a model of its own."""
    for key, colour in COLOURS.items():
        voice = Voice(key, f"<{key.capitalize()}>", colour, "", "", model=f"model-{key}")
        parts_of(app).voices.add(person.id, voice)
    return [*COLOURS]


@pytest.fixture
def go(upstream: ScriptedUpstream) -> Iterator[Event]:
    """`one` says a block and waits for it; `two` fails; `three` says all at once."""
    go = Event()
    upstream.by_model = {
        "model-one": [STREAM_HEAD, chunk(delta("**first**\n\n")), go, *answer("*last*")[1:]],
        "model-two": refuse(401, "no"),
        "model-three": answer("all of three"),
    }
    yield go
    go.set()


def asked(api: FlaskClient, voices: list[str]) -> str:
    """The page of a conversation in which these are answering."""
    turn = api.post("/api/v1/turns", json={"message": "Hi", "voices": voices}).get_json()
    return f"/c/{turn['session_id']}"


def read_until(answered: TestResponse, *words: str) -> str:
    pieces, read = iter(answered.response), ""
    with patience():
        while not all(each in read for each in words):
            piece = next(pieces)
            assert isinstance(piece, bytes)
            read += piece.decode()
    return read


def rest_of(answered: TestResponse) -> str:
    with patience():
        rest = b"".join(piece for piece in answered.response if isinstance(piece, bytes)).decode()
    answered.close()
    return rest


def told_in(page: str) -> list[tuple[str, str]]:
    """The children of the element with the voices' places, which comes after its shadow tree."""
    _, _, host = page.partition("</template>\n    <!--")
    return children("<!--" + host.partition('\n  </div>\n  <p class="finished"')[0])


def test_each_voice_has_its_place_and_fills_it_as_it_goes(
    api: FlaskClient, browser: FlaskClient, voices: list[str], go: Event
) -> None:
    page = asked(api, voices)
    answered = browser.get(page, buffered=False)
    early = read_until(answered, "<strong>first</strong>", "all of three", "key was refused", "v3-state")
    assert "</html>" not in early
    assert "Compare these answers" not in early
    go.set()
    whole = early + rest_of(answered)
    assert whole.rstrip().endswith("</html>")
    assert f'<a href="{page}">Compare these answers' in whole
    names = re.findall(
        r'data-colour="(\w+)" aria-labelledby="(\w+)-name".*?<h2 id="\2-name">(.*?)</h2>', whole, re.S
    )
    assert names == [
        ("2f6f8f", "v1", "&lt;One&gt;"),
        ("8a5a00", "v2", "&lt;Two&gt;"),
        ("ffff00", "v3", "&lt;Three&gt;"),
    ]
    assert whole.count('href="/colours/2f6f8f-8a5a00-ffff00.css"') >= 1
    told = told_in(whole)
    by_slot = {slot: "".join(html for where, html in told if where == slot) for slot in ("v1", "v2", "v3")}
    assert by_slot == {
        "v1": "<p><strong>first</strong></p>\n<p><em>last</em></p>\n",
        "v2": "",
        "v3": "<p>all of three</p>\n",
    }
    assert {where: html for where, html in told if where.endswith("-state")} == {
        "v1-state": "Done",
        "v2-state": "Failed",
        "v3-state": "Done",
    }


def test_what_is_not_whole_can_be_asked_again_once_the_turn_is_over(
    api: FlaskClient, browser: FlaskClient, voices: list[str], go: Event
) -> None:
    answered = browser.get(asked(api, voices), buffered=False)
    early = read_until(answered, "v2-state", "v3-state")
    assert "/again" not in early
    assert early.count('<form class="message-stop"') == len(voices)
    assert early.count('<form class="message-stop live-stop"') == 1
    stops = re.findall(r'action="/replies/(\w+)/stop"', early)
    go.set()
    again = re.findall(r'action="/replies/(\w+)/again"', rest_of(answered))
    assert again == [stops[1]]


def test_a_reload_in_mid_stream_has_everything_again(
    api: FlaskClient, browser: FlaskClient, voices: list[str], go: Event
) -> None:
    where = asked(api, voices)
    first = browser.get(where, buffered=False)
    read_until(first, "<strong>first</strong>", "v3-state")
    second = browser.get(where, buffered=False)
    early = read_until(second, "<strong>first</strong>", "v3-state")
    go.set()
    for whole in (early + rest_of(second), page_of(browser.get(where))):
        assert whole.count("<strong>first</strong>") == whole.count("<em>last</em>") == 1
        assert whole.count("all of three") == 1
    first.close()


def test_the_page_shows_each_message_once(
    api: FlaskClient, browser: FlaskClient, voices: list[str], go: Event, upstream: ScriptedUpstream
) -> None:
    go.set()
    where = asked(api, voices)
    page_of(browser.get(where))
    upstream.by_model["model-three"] = [
        STREAM_HEAD,
        *map(chunk, (delta("another"), delta("", "stop"))),
        LAST_CHUNK,
    ]
    again = {"message": "Once more", "sessionId": where.removeprefix("/c/"), "voices": ["one", "three"]}
    assert api.post("/api/v1/turns", json=again).status_code == 202
    page = page_of(browser.get(where))
    assert page.count("Once more") == 1
    assert page.count("all of three") == page.count("another") == 1
    assert page.index("all of three") < page.index("Once more") < page.index("another")


def test_one_voice_has_the_page_to_itself(api: FlaskClient, browser: FlaskClient, voices: list[str]) -> None:
    page = page_of(browser.get(asked(api, ["seeker"])))
    assert "live-voices" not in page
    assert "shadowrootmode" not in page


def test_a_browser_with_scripts_gets_the_page_at_once(
    api: FlaskClient, browser: FlaskClient, voices: list[str], go: Event
) -> None:
    browser.set_cookie("js", "1")
    where = asked(api, voices)
    page = page_of(browser.get(where))
    assert page.rstrip().endswith("</html>")
    assert "live-voices" not in page
    go.set()
    assert "live-voices" in page_of(browser.get(f"{where}?live=1"))
