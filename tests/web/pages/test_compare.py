"""The page that compares two replies: what it marks, what it offers, and what is missing to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event
from sqlalchemy import select

from chatapp.store.conversation import Generation, Turn
from chatapp.turns.voice import Voice
from tests.scripted_upstream import STREAM_HEAD, ScriptedUpstream, answer, chunk, delta
from tests.turns.house import until
from tests.web.conftest import Person, parts_of, signed_in
from tests.web.pages.visit import page_of
from tests.web.rounds import rounds

BOTH = ["one", "two"]


@pytest.fixture
def go(app: Flask, person: Person, upstream: ScriptedUpstream) -> Iterator[Event]:
    """Two voices; the second says half of its reply, and the rest when it is set."""
    go = Event()
    for key, colour in (("one", "#2f6f8f"), ("two", "#8a5a00")):
        voice = Voice(key, f"<{key}>", colour, "", "", model=f"model-{key}")
        parts_of(app).voices.add(person.id, voice)
    upstream.by_model = {
        "model-one": answer("The first is **quick** & cheap."),
        "model-two": [STREAM_HEAD, chunk(delta("The first is ")), go, *answer("slow & cheap.")[1:]],
    }
    yield go
    go.set()


def asked(app: Flask, api: FlaskClient, session_id: str | None = None) -> tuple[str, dict[str, str]]:
    """The conversation, and the generations of both by their voices."""
    body = {"message": "Hi", "voices": BOTH, **({"sessionId": session_id} if session_id else {})}
    turn = api.post("/api/v1/turns", json=body).get_json()
    query = select(Generation.voice, Generation.id).join(Turn).where(Turn.id == turn["turn_id"])
    with parts_of(app).database.read() as connection:
        rows = connection.execute(query).all()
    return turn["session_id"], {row.voice: row.id for row in rows}


@pytest.fixture
def pair(app: Flask, api: FlaskClient, go: Event) -> tuple[str, dict[str, str]]:
    go.set()
    found = asked(app, api)
    until(lambda: not parts_of(app).busy)
    return found


def test_what_only_one_says_is_marked(browser: FlaskClient, pair: tuple[str, dict[str, str]]) -> None:
    session_id, ids = pair
    page = page_of(browser.get(f"/c/{session_id}/compare?left={ids['one']}&right={ids['two']}"))
    only = r'<span class="unseen">\[only here: </span>(.*?)<span class="unseen">\]</span>'
    assert re.findall(f"<del>{only}</del>", page) == [" **quick**"]
    assert re.findall(f"<ins>{only}</ins>", page) == [" slow"]
    assert "The first is<del>" in page
    assert " &amp; cheap." in page
    assert re.findall(r'<option value="(\w+)"( selected)?>(.*?)</option>', page) == [
        (ids["one"], " selected", "&lt;one&gt;"),
        (ids["two"], "", "&lt;two&gt;"),
        (ids["one"], "", "&lt;one&gt;"),
        (ids["two"], " selected", "&lt;two&gt;"),
    ]
    assert re.findall(r'data-colour="(\w+)"', page) == ["2f6f8f", "8a5a00"]
    assert 'href="/colours/2f6f8f-8a5a00.css"' in page
    assert f'href="/c/{session_id}#reply-{ids["one"]}"' in page


def test_sides_are_as_they_were_asked_for(browser: FlaskClient, pair: tuple[str, dict[str, str]]) -> None:
    session_id, ids = pair
    page = page_of(browser.get(f"/c/{session_id}/compare?left={ids['two']}&right={ids['one']}"))
    assert page.index("slow") < page.index("**quick**")


def test_two_that_say_the_same(
    app: Flask, api: FlaskClient, browser: FlaskClient, go: Event, upstream: ScriptedUpstream
) -> None:
    upstream.by_model["model-two"] = upstream.by_model["model-one"]
    session_id, ids = asked(app, api)
    until(lambda: not parts_of(app).busy)
    page = page_of(browser.get(f"/c/{session_id}/compare?left={ids['two']}&right={ids['one']}"))
    assert "Both say the same" in page
    assert "<del>" not in page


def test_a_reply_that_is_being_written(app: Flask, api: FlaskClient, browser: FlaskClient, go: Event) -> None:
    session_id, ids = asked(app, api)
    path = f"/c/{session_id}/compare?left={ids['one']}&right={ids['two']}"
    until(lambda: page_of(browser.get(path)).count("The first is") == 2)  # it is saved once a second
    page = page_of(browser.get(path))
    assert page.count("still being written") == 1
    go.set()
    until(lambda: not parts_of(app).busy)
    assert "still being written" not in page_of(browser.get(path))


def test_the_same_twice_is_told_with_the_form(browser: FlaskClient, pair: tuple[str, dict[str, str]]) -> None:
    session_id, ids = pair
    answered = browser.get(f"/c/{session_id}/compare?left={ids['one']}&right={ids['one']}")
    assert answered.status_code == 422
    page = answered.get_data(as_text=True)
    assert "two different replies" in page
    assert page.count("<select") == 2
    assert "compare-side" not in page


@pytest.mark.parametrize("query", ["", "left={one}", "right={two}", "left=&right="])
def test_who_has_not_chosen_two_gets_the_form(
    browser: FlaskClient, pair: tuple[str, dict[str, str]], query: str
) -> None:
    session_id, ids = pair
    page = page_of(browser.get(f"/c/{session_id}/compare?{query.format(**ids)}"))
    chosen = re.findall(r'<option value="(\w+)" selected>', page)
    assert chosen == [ids["one"], ids["two"]]
    assert "compare-side" not in page


def test_a_conversation_with_one_reply_has_nothing_to_compare(
    api: FlaskClient, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    session_id = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()["session_id"]
    page = page_of(browser.get(f"/c/{session_id}/compare"))
    assert "nothing can be compared" in page
    assert "<select" not in page


def test_what_is_no_reply_to_this_question_is_missing(
    app: Flask, api: FlaskClient, browser: FlaskClient, stranger: Person, pair: tuple[str, dict[str, str]]
) -> None:
    session_id, ids = pair
    later = asked(app, api, session_id)[1]
    until(lambda: not parts_of(app).busy)
    other_session, elsewhere = asked(app, api)
    until(lambda: not parts_of(app).busy)
    left = f"left={ids['one']}"
    queries = [
        f"{left}&right={'0' * 32}",
        f"{left}&right={later['two']}",
        f"{left}&right={elsewhere['two']}",
        f"left={elsewhere['one']}&right={elsewhere['two']}",
        f"{left}&right=%00",
        "left=%00",
        "left=é",
        f"left={'x' * 3000}",
        f"right={'0' * 32}",
    ]
    for query in queries:
        answered = browser.get(f"/c/{session_id}/compare?{query}")
        assert (answered.status_code, answered.mimetype) == (404, "text/html"), query
    other = signed_in(app, stranger)
    for path in (f"/c/{session_id}/compare", f"/c/{session_id}/compare?{left}&right={ids['two']}"):
        assert other.get(path).status_code == 404
    both = f"left={later['one']}&right={later['two']}"
    assert browser.get(f"/c/{session_id}/compare?{both}").status_code == 200
    assert browser.get(f"/c/{other_session}/compare?{both}").status_code == 404


def test_tries_of_one_voice_are_told_apart(
    app: Flask, api: FlaskClient, browser: FlaskClient, go: Event, upstream: ScriptedUpstream
) -> None:
    upstream.by_model["model-two"] = [STREAM_HEAD, chunk(delta("Half")), b"0\r\n\r\n"]
    session_id, ids = asked(app, api)
    until(lambda: not parts_of(app).busy)
    upstream.by_model["model-two"] = answer("Whole")
    assert api.post(f"/api/v1/generations/{ids['two']}/again").status_code == 202
    until(lambda: not parts_of(app).busy)
    page = page_of(browser.get(f"/c/{session_id}/compare"))
    names = re.findall(r"<option.*?>(.*?)</option>", page)
    assert names[:3] == ["&lt;one&gt;", "&lt;two&gt;, try 1", "&lt;two&gt;, try 2"]


def test_the_conversation_leads_to_it(browser: FlaskClient, pair: tuple[str, dict[str, str]]) -> None:
    session_id, ids = pair
    page = page_of(browser.get(f"/c/{session_id}"))
    [link] = re.findall(r'class="compare-link" href="(.*?)"', page)
    assert link.replace("&amp;", "&") == f"/c/{session_id}/compare?left={ids['one']}&right={ids['two']}"
    assert browser.get(link.replace("&amp;", "&")).status_code == 200


def test_long_replies_let_others_have_their_turn(
    app: Flask, api: FlaskClient, browser: FlaskClient, go: Event, upstream: ScriptedUpstream
) -> None:
    """They are compared in a native thread, and the page is made in pieces."""
    upstream.by_model = {
        "model-one": answer("a b " * 8_000),
        "model-two": answer("b a a " * 6_000),
    }
    session_id, ids = asked(app, api)
    until(lambda: not parts_of(app).busy)
    with rounds() as counted:
        page = page_of(browser.get(f"/c/{session_id}/compare?left={ids['one']}&right={ids['two']}"))
        assert counted.count > 5
    assert "compare-side" in page


def test_voices_that_are_called_alike_are_told_apart(
    app: Flask, api: FlaskClient, browser: FlaskClient, person: Person, go: Event
) -> None:
    parts_of(app).voices.change(person.id, Voice("two", "<one>", "#8a5a00", "", "", model="model-two"))
    go.set()
    session_id, _ = asked(app, api)
    until(lambda: not parts_of(app).busy)
    page = page_of(browser.get(f"/c/{session_id}/compare"))
    assert re.findall(r"<option.*?>(.*?)</option>", page)[:2] == ["&lt;one&gt; (one)", "&lt;one&gt; (two)"]
