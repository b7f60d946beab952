"""One turn on the pages: its fragment, and the forms that stop it and ask it again."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from chatapp.store.conversation import Generation
from tests.scripted_upstream import (
    STREAM_HEAD,
    End,
    Script,
    ScriptedUpstream,
    answer,
    chunk,
    delta,
    refuse,
)
from tests.web.conftest import (
    MakeApp,
    Person,
    SignUp,
    last_reply,
    parts_of,
    rows,
    signed_in,
    submit,
)
from tests.web.event_stream import until
from tests.web.pages.visit import page_of, posted

SENTENCE = "The server restarted. What arrived is kept."
CUT: Script = [STREAM_HEAD, chunk(delta("one")), End.CLOSE]
HANGING: Script = [STREAM_HEAD, chunk(delta("one")), End.HANG]
WHOLE: Script = answer("Hello", ", ", "world!")


def said(browser: FlaskClient, where: str) -> list[dict[str, Any]]:
    name = where.rpartition("/")[2]
    found: list[dict[str, Any]] = browser.get(f"/api/v1/conversations/{name}/messages").get_json()["items"]
    return found


def turn_of(browser: FlaskClient, where: str) -> str:
    """The newest turn of a conversation."""
    found: str = said(browser, where)[-1]["turn_id"]
    return found


def ended(app: Flask, browser: FlaskClient, upstream: ScriptedUpstream, script: Script) -> tuple[str, str]:
    """Where a conversation is, and its one turn, which has ended as the script makes it."""
    upstream.scripts = [script, WHOLE]
    where = posted(browser, "Why?")
    assert until(lambda: last_reply(app).status != "streaming")
    return where, turn_of(browser, where)


def offer(turn_id: str) -> str:
    return f'action="/turns/{turn_id}/again"'


def test_stopping_without_javascript(app: Flask, browser: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [HANGING]
    where = posted(browser)
    turn_id = turn_of(browser, where)
    answered = submit(browser, f"/turns/{turn_id}/stop", "/password")
    assert (answered.status_code, answered.headers["Location"]) == (303, where)
    assert until(lambda: last_reply(app).status == "cancelled")
    assert offer(turn_id) in page_of(browser.get(where))


def test_a_stranger_s_turn_shows_stops_and_asks_nothing(
    app: Flask, browser: FlaskClient, stranger: Person, upstream: ScriptedUpstream
) -> None:
    where, turn_id = ended(app, browser, upstream, WHOLE)
    before = rows(app)
    other = signed_in(app, stranger)
    assert other.get(f"{where}/turns/{turn_id}").status_code == 404
    assert submit(other, f"/turns/{turn_id}/stop", "/").status_code == 404
    assert submit(other, f"/turns/{turn_id}/again", "/").status_code == 404
    assert rows(app) == before
    fragment = page_of(browser.get(f"{where}/turns/{turn_id}"))
    assert "Hello, world!" in fragment
    assert "<html" not in fragment


@pytest.mark.parametrize("script", [CUT, refuse(401, "no")], ids=["partial", "error"])
def test_an_answer_that_is_not_whole_can_be_asked_again(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream, script: Script
) -> None:
    where, turn_id = ended(app, browser, upstream, script)
    for path in (where, f"{where}/turns/{turn_id}"):
        page = page_of(browser.get(path))
        assert page.count(offer(turn_id)) == 1
        assert page.index("message-failed") < page.index(offer(turn_id))
    answered = submit(browser, f"/turns/{turn_id}/again", "/password")
    assert (answered.status_code, answered.headers["Location"]) == (303, where)
    assert until(lambda: last_reply(app).status == "complete")
    question, *replies = said(browser, where)
    assert (question["content"], [each["parent_id"] for each in replies]) == ("Why?", [question["id"]] * 2)
    assert replies[1]["content"] == "Hello, world!"
    page = page_of(browser.get(where))
    assert page.count("Why?</div>") == 1
    assert "/again" not in page


def test_an_answer_whose_process_ended_can_be_asked_again_of_the_next(
    make_app: MakeApp, sign_up: SignUp, upstream: ScriptedUpstream
) -> None:
    settings = {"OPENAI_BASE_URL": upstream.base_url, "CHATAPP_MODELS": "gpt-4o-mini"}
    upstream.scripts = [HANGING, WHOLE]
    first = make_app(**settings)
    person = sign_up(first)
    where = posted(signed_in(first, person), "Why?")
    assert upstream.wait_for_requests(1, 10)
    parts_of(first).answering.stop()
    browser = signed_in(make_app(**settings), person)
    page, turn_id = page_of(browser.get(where)), turn_of(browser, where)
    assert page.index(SENTENCE) < page.index(offer(turn_id))
    assert submit(browser, f"/turns/{turn_id}/again", "/password").status_code == 303
    assert "Hello, world!" in page_of(browser.get(where))


def test_asking_again_uses_the_same_model_and_voice(
    app: Flask, api: FlaskClient, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    where, _ = ended(app, browser, upstream, WHOLE)  # of the default model
    upstream.scripts = [WHOLE, refuse(401, "no"), WHOLE]
    body = {"message": "And?", "sessionId": where.removeprefix("/c/"), "model": "gpt-4o-mini"}
    api.post("/api/v1/chat", json=body | {"voices": ["seeker"]}).get_data()
    submit(browser, f"/turns/{turn_of(browser, where)}/again", "/password")
    assert upstream.wait_for_requests(3, 10)
    default, first, again = (request.json() for request in upstream.requests)
    assert [each["model"] for each in (default, first, again)] == ["gpt-6-luna", "gpt-4o-mini", "gpt-4o-mini"]
    assert again["messages"][-1] == first["messages"][-1] == {"role": "user", "content": "And?"}
    assert said(browser, where)[-1]["voice"] == "seeker"


def test_a_model_that_is_no_longer_offered_is_left_out(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    where, turn_id = ended(app, browser, upstream, CUT)
    with parts_of(app).database.write() as connection:
        connection.execute(update(Generation).values(model="gone"))
    submit(browser, f"/turns/{turn_id}/again", "/password")
    assert upstream.wait_for_requests(2, 10)
    assert upstream.requests[1].json()["model"] == "gpt-6-luna"
    assert said(browser, where)[-1]["voice"] == "seeker"


def test_a_voice_that_is_no_longer_offered_is_not_asked_again(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    _, turn_id = ended(app, browser, upstream, CUT)
    with parts_of(app).database.write() as connection:
        connection.execute(update(Generation).values(voice="gone"))
    before = rows(app)
    answered = submit(browser, f"/turns/{turn_id}/again", "/password")
    assert answered.status_code == 409
    assert "This voice is no longer offered" in answered.get_data(as_text=True)
    assert rows(app) == before


def test_asking_again_twice_asks_once(app: Flask, browser: FlaskClient, upstream: ScriptedUpstream) -> None:
    where, turn_id = ended(app, browser, upstream, CUT)
    for _ in range(2):
        answered = submit(browser, f"/turns/{turn_id}/again", "/password")
        assert (answered.status_code, answered.headers["Location"]) == (303, where)
        assert until(lambda: last_reply(app).status == "complete")
    assert len(said(browser, where)) == 3
    assert len(upstream.requests) == 2


def test_an_answer_that_failed_twice_can_be_asked_a_third_time(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    where, turn_id = ended(app, browser, upstream, CUT)
    upstream.scripts = [CUT, CUT, WHOLE]
    submit(browser, f"/turns/{turn_id}/again", "/password")
    assert until(lambda: last_reply(app).status == "partial")
    second = turn_of(browser, where)
    page = page_of(browser.get(where))
    assert offer(second) in page
    assert offer(turn_id) not in page
    submit(browser, f"/turns/{second}/again", "/password")
    assert until(lambda: last_reply(app).status == "complete")


def test_only_the_newest_answer_is_offered_again(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    where, turn_id = ended(app, browser, upstream, CUT)
    upstream.scripts = [CUT, HANGING]
    submit(browser, f"{where}/messages", "/password", message="And?")
    browser.set_cookie("js", "1")  # the page that does not wait
    running = turn_of(browser, where)
    for path in (where, f"{where}/turns/{turn_id}", f"{where}/turns/{running}"):
        assert "/again" not in page_of(browser.get(path))
    submit(browser, f"/turns/{running}/stop", "/password")
    assert until(lambda: last_reply(app).status == "cancelled")
    assert offer(running) in page_of(browser.get(where))
    earlier = page_of(
        browser.get(f"{where}?before={said(browser, where)[2]['id']}")
    )  # ends with the first answer
    assert "cut off" in earlier
    assert "/again" not in earlier


def test_asking_again_while_an_answer_is_written_comes_back_with_a_sentence(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    where, turn_id = ended(app, browser, upstream, CUT)
    upstream.scripts = [CUT, HANGING]
    submit(browser, f"{where}/messages", "/password", message="And?")
    before = rows(app)
    answered = submit(browser, f"/turns/{turn_id}/again", "/password")
    assert answered.status_code == 409
    assert "still answering" in answered.get_data(as_text=True)
    assert rows(app) == before


@pytest.mark.parametrize(("script", "offered"), [(CUT, True), (refuse(401, "no"), True), (WHOLE, False)])
def test_the_streamed_page_offers_it_after_what_went_wrong(
    browser: FlaskClient, upstream: ScriptedUpstream, script: Script, offered: bool
) -> None:
    upstream.scripts = [script]
    where = posted(browser)
    page = page_of(browser.get(where))
    assert (offer(turn_of(browser, where)) in page) is offered
    if offered:
        assert page.index('class="failure"') < page.index("/again") < page.index('class="finished"')
