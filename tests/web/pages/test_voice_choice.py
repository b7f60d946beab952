"""The composer's choice of voices, in a browser without scripts: boxes of a form, and what they would cost."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask, has_request_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chatapp.turns.built_in_voices import BUILT_IN, SEEKER
from chatapp.turns.voice import Voice
from chatapp.web.pages.voice_choice import cost_in_words
from tests.scripted_upstream import ScriptedUpstream
from tests.statements import statements
from tests.web.conftest import MakeApp, Person, SignUp, form_token, parts_of, rows, signed_in
from tests.web.pages.visit import page_of, posted

BOX = re.compile(r'<input type="checkbox" name="voices" value="([a-z0-9-]+)"[^>]*?( checked)?( data-[^>]*)>')
WHO = re.compile(r'<span class="picker-who">([^<]*)</span>')
COST = re.compile(r'<span class="picker-cost">([^<]*)</span>')


def send(browser: FlaskClient, *voices: str, path: str = "/messages", message: str = "Hi") -> TestResponse:
    fields = {"csrf_token": form_token(browser, "/"), "message": message, "voices": list(voices)}
    return browser.post(path, data=fields)


def boxes(page: str) -> dict[str, bool]:
    """Every voice that is offered, and whether it is ticked."""
    return {key: bool(ticked) for key, ticked, _ in BOX.findall(page)}


def ticked(page: str) -> list[str]:
    return [key for key, is_ticked in boxes(page).items() if is_ticked]


def who(page: str) -> str:
    [found] = WHO.findall(page)
    return str(found)


def test_a_new_conversation_offers_all_and_ticks_the_default(browser: FlaskClient) -> None:
    page = page_of(browser.get("/"))
    assert list(boxes(page)) == list(BUILT_IN)
    assert (ticked(page), who(page)) == (["seeker"], "Seeker")
    assert 'href="/voices"' in page


@pytest.mark.parametrize("asked", [["explorer"], ["explorer", "seeker"], list(BUILT_IN)])
def test_who_is_ticked_answers_and_is_ticked_from_then_on(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream, asked: list[str]
) -> None:
    answered = send(browser, *asked)
    assert answered.status_code == 303
    page_of(browser.get(answered.headers["Location"]))
    page = page_of(browser.get(answered.headers["Location"]))
    assert sorted(ticked(page)) == sorted(asked)
    assert rows(app)["generations"] == len(asked) == len(upstream.requests)


def test_nobody_ticked_is_the_default(app: Flask, browser: FlaskClient) -> None:
    page = page_of(browser.get(send(browser).headers["Location"]))
    assert ticked(page) == ["seeker"]
    assert rows(app)["generations"] == 1


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["explorer", "nobody"], "One of these voices is not known."),
        (["explorer", "explorer"], "Each voice can be asked once."),
        (["explorer"] + [f"voice-{each}" for each in range(8)], "at most 8"),
        (["explorer", "Bad Key"], ""),
    ],
)
def test_a_choice_that_will_not_do_comes_back_with_a_sentence(
    app: Flask, browser: FlaskClient, asked: list[str], sentence: str
) -> None:
    answered = send(browser, *asked, message="my message")
    page = answered.get_data(as_text=True)
    assert answered.status_code == 422
    assert re.search(rf'role="alert">[^<]*{re.escape(sentence)}', page)
    assert "my message" in page
    assert ticked(page) == ["explorer"]
    assert set(rows(app).values()) == {0}


def test_what_comes_back_is_ticked_as_it_was(browser: FlaskClient) -> None:
    where = send(browser, "explorer").headers["Location"]
    page_of(browser.get(where))
    for asked in (["maintainer", "developer"], []):
        page = send(browser, *asked, path=f"{where}/messages", message="").get_data(as_text=True)
        assert ticked(page) == asked
        assert who(page) == ("Maintainer, Developer" if asked else "Seeker")
        assert ("Nobody is ticked: Seeker answers." in page) == (not asked)


def test_who_cannot_be_asked_any_more_is_not_ticked(app: Flask, browser: FlaskClient, person: Person) -> None:
    voices, poet = parts_of(app).voices, Voice("poet", "Poet", "#336699", "", "Rhyme.")
    voices.add(person.id, poet)
    where = send(browser, "poet", "explorer").headers["Location"]
    page_of(browser.get(where))
    assert ticked(page_of(browser.get(where))) == ["explorer", "poet"]
    voices.remove(person.id, "poet")
    assert ticked(page_of(browser.get(where))) == ["explorer"]
    voices.add(person.id, replace(BUILT_IN["explorer"], disabled=True))
    page = page_of(browser.get(where))
    assert "explorer" not in boxes(page)
    assert ticked(page) == ["seeker"]


def test_where_nobody_can_be_asked_it_says_so(app: Flask, browser: FlaskClient) -> None:
    for voice in BUILT_IN.values():
        parts_of(app).voices.add(None, replace(voice, disabled=True))
    page = page_of(browser.get("/"))
    assert (boxes(page), who(page)) == ({}, "Nobody can be asked")
    answered = send(browser)
    assert answered.status_code == 422
    assert "There is no voice that could answer." in answered.get_data(as_text=True)


def test_scripts_find_how_each_voice_is_called_and_coloured(app: Flask, browser: FlaskClient) -> None:
    hostile = Voice("x", '"><script>', "#a1b2c3", "<b>bold</b>", "", model="gpt-4o")
    parts_of(app).voices.add(None, hostile)
    page = page_of(browser.get("/"))
    told = {key: data for key, _, data in BOX.findall(page)}
    assert 'data-name="Seeker" data-colour="2f6f8f" data-model="gpt-6-luna"' in told["seeker"]
    assert 'data-name="&#34;&gt;&lt;script&gt;" data-colour="a1b2c3" data-model="gpt-4o"' in told["x"]
    assert "<b>bold" not in page
    assert "<code>gpt-4o</code>" in page


@pytest.mark.parametrize("key", ["picker", "template", "x"])
def test_no_key_of_a_voice_takes_the_id_of_something_else(app: Flask, browser: FlaskClient, key: str) -> None:
    parts_of(app).voices.add(None, Voice(key, "X", "#336699", "", ""))
    page = page_of(browser.get("/"))
    [of_box] = re.findall(rf'value="{key}" id="([^"]*)"', page)
    assert page.count(f' id="{of_box}"') == 1


def test_the_cost_is_that_of_the_api_and_grows_with_the_conversation(
    make_app: MakeApp, upstream: ScriptedUpstream, sign_up: SignUp
) -> None:
    app = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS="gpt-4o-mini")
    browser = signed_in(app, sign_up(app))
    page = page_of(browser.get("/"))
    assert COST.findall(page) == ["up to about $0.0012"]
    assert 'Asking all 6: <span class="picker-all">up to about $0.007' in page
    where = posted(browser, "x" * 4000)
    page_of(browser.get(where))
    before, now = fixed_costs(page), fixed_costs(page_of(browser.get(where)))
    assert set(before) == set(now) == set(BUILT_IN)
    assert all(now[key] > before[key] + 1000 * 0.15 / 1_000_000 for key in now)
    assert fixed_costs(page_of(browser.get(f"{where}/voices"))) == now
    asked = {"message": "x", "sessionId": where.removeprefix("/c/")}
    csrf = {"X-CSRFToken": browser.get("/api/auth/user").get_json()["csrf_token"]}
    told = browser.post("/api/v1/estimates", json=asked, headers=csrf).get_json()
    assert told["cost_usd_at_most"] == pytest.approx(now["seeker"] + 0.15 / 1_000_000)


def fixed_costs(page: str) -> dict[str, float]:
    found = re.findall(r'id="ask-([a-z0-9-]+)".*?data-cost-usd="([^"]+)"', page)
    return {key: float(cost) for key, cost in found}


def test_a_voice_without_a_known_price_is_told_as_such(app: Flask, browser: FlaskClient) -> None:
    page = page_of(browser.get("/"))  # gpt-6-luna has none
    assert COST.findall(page) == ["price not known"]
    assert "data-cost-usd" not in page
    assert page.count("price not known") == 1
    assert "An estimate" not in page
    parts_of(app).voices.add(None, replace(SEEKER, model="gpt-4o-mini"))
    page = page_of(browser.get("/"))
    assert "up to about $0.0012, and 5 without a known price" in page
    assert page.count("price not known") == 5


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ([], ""),
        ([None], "price not known"),
        ([None, None], "price not known"),
        ([0.001, 0.002], "up to about $0.0030"),
        ([0.001, None], "up to about $0.0010, and 1 without a known price"),
        ([0.0], "up to about $0.00"),
    ],
)
def test_costs_in_words(costs: list[float | None], words: str) -> None:
    assert cost_in_words(costs) == words


def test_more_voices_than_can_be_asked_at_once(app: Flask, browser: FlaskClient) -> None:
    for each in range(3):
        parts_of(app).voices.add(None, Voice(f"v{each}", f"V{each}", "#336699", "", ""))
    page = page_of(browser.get("/"))
    assert "8 of these 9 can be asked at once" in page
    assert "Asking all" not in page
    eight = list(boxes(page))[:8]
    assert who(page_of(browser.get(send(browser, *eight).headers["Location"]))) == "Seeker and 7 more"


def test_the_choice_costs_the_same_however_much_was_said(app: Flask, browser: FlaskClient) -> None:
    where = send(browser, *BUILT_IN).headers["Location"]
    page_of(browser.get(where))
    path = f"{where}/voices"
    page_of(browser.get(path))
    with statements(has_request_context) as before:
        page_of(browser.get(path))
    for _ in range(3):
        send(browser, *BUILT_IN, path=f"{where}/messages")
        page_of(browser.get(where))
    with statements(has_request_context) as after:
        page_of(browser.get(path))
    assert len(after) == len(before)
