"""The conversation page: forms that work without JavaScript, and the page that is a stream."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event

from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, End, ScriptedUpstream, chunk, delta, refuse
from tests.web.conftest import (
    LogLines,
    Person,
    SignUp,
    conversation_of,
    form_token,
    last_reply,
    rows,
    signed_in,
    submit,
)
from tests.web.event_stream import patience
from tests.web.pages.visit import page_of, posted
from tests.web.rounds import rounds

NAME = "session-20250819-143022-a1b2"


def test_a_message_without_javascript_is_answered_on_the_page(app: Flask, browser: FlaskClient) -> None:
    where = posted(browser, "How do bees sleep?")
    assert re.fullmatch(r"/c/session-\d{8}-\d{6}-[a-z0-9]+", where)
    streamed = page_of(browser.get(where))
    assert streamed.index("How do bees sleep?") < streamed.index("Hello, world!") < streamed.index("</html>")
    reloaded = page_of(browser.get(where))
    assert "Hello, world!" in reloaded
    assert last_reply(app).status == "complete"


def test_a_reload_posts_nothing(app: Flask, browser: FlaskClient, upstream: ScriptedUpstream) -> None:
    where = posted(browser)
    page_of(browser.get(where))
    before = rows(app)
    page_of(browser.get(where))
    assert posted(browser) == where  # the same form once more: the same client_message_id
    assert rows(app) == before
    assert len(upstream.requests) == 1


def test_the_page_streams_finished_blocks_while_they_are_written(
    browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    rest = [delta("*two*\n"), delta("", "stop"), DONE]
    upstream.scripts = [[STREAM_HEAD, chunk(delta("**one**\n\n")), gate, *map(chunk, rest), LAST_CHUNK]]
    answered = browser.get(posted(browser), buffered=False)
    assert answered.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in answered.headers
    pieces, early = iter(answered.response), b""
    with patience():
        while b"<strong>one</strong>" not in early:
            piece = next(pieces)
            assert isinstance(piece, bytes)
            early += piece
    assert b"</html>" not in early
    gate.set()
    with patience():
        late = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    answered.close()
    assert b"<em>two</em>" in late
    assert late.rstrip().endswith(b"</html>")


def test_with_javascript_the_page_does_not_wait(browser: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    where = posted(browser)
    browser.set_cookie("js", "1")
    page = page_of(browser.get(where))
    assert "/api/v1/turns/" in page
    assert page.rstrip().endswith("</html>")


def test_a_failure_is_told_on_the_streamed_page(browser: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [refuse(401, "no")]
    page = page_of(browser.get(posted(browser)))
    assert "key was refused" in page


@pytest.mark.parametrize("message", ["", " \r\n", "x" * 4001, "a\0b"])
def test_a_message_that_will_not_do_comes_back_with_a_sentence(
    app: Flask, browser: FlaskClient, message: str
) -> None:
    answered = submit(browser, "/messages", "/", message=message)
    assert answered.status_code == 422
    assert answered.mimetype == "text/html"
    assert 'role="alert"' in answered.get_data(as_text=True)
    assert set(rows(app).values()) == {0}


def test_line_ends_of_forms_do_not_count_twice(browser: FlaskClient, upstream: ScriptedUpstream) -> None:
    posted(browser, "a\r\n" * 2000)
    assert upstream.wait_for_requests(1)
    assert upstream.requests[0].json()["messages"][-1]["content"] == ("a\n" * 2000).strip()


def test_a_message_to_a_conversation_that_is_answering_comes_back(
    app: Flask, browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    where = posted(browser)
    before = rows(app)
    answered = submit(browser, f"{where}/messages", "/password", message="my second thought")
    page = answered.get_data(as_text=True)
    assert answered.status_code == 409
    assert "still answering" in page
    assert "my second thought" in page
    assert rows(app) == before


def test_what_people_and_models_write_is_never_markup(
    browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("<script>alert(2)</script> <img src=x onerror=y>")),
                         chunk(delta("", "stop")), chunk(DONE), LAST_CHUNK]]  # fmt: skip
    where = posted(browser, "<script>alert(1)</script>")
    for page in (page_of(browser.get(where)), page_of(browser.get(where)), page_of(browser.get("/"))):
        assert "<script>alert" not in page
        assert "onerror=y>" not in page.replace("&gt;", "")


@pytest.mark.parametrize("below", ["", "/turns/x"])
def test_a_stranger_s_conversation_is_a_missing_page(
    app: Flask, browser: FlaskClient, stranger: Person, below: str
) -> None:
    where = posted(browser, "my secret")
    other = signed_in(app, stranger)
    for path in (where, f"/c/{NAME}"):
        answered = other.get(path + below)
        assert answered.status_code == 404
        assert "my secret" not in answered.get_data(as_text=True)
    assert submit(other, f"{where}/messages", "/", message="Hi").status_code == 404
    assert "my secret" not in page_of(other.get("/"))


def test_no_query_surprises_the_page(app_on_either: Flask, sign_up: SignUp) -> None:
    browser = signed_in(app_on_either, sign_up(app_on_either))
    where = posted(browser)
    page_of(browser.get(where))
    nonsense = ["%00", "a%00b", "~", "%27", "x" * 3000, "", "%ff", "é"]
    for query in (*(f"before={each}" for each in nonsense), "draft=%00", "live=1", "changed=%00"):
        for path in (where, "/", "/password"):
            assert browser.get(f"{path}?{query}").status_code == 200, query


def test_the_page_shows_the_latest_messages_and_leads_to_the_older_ones(browser: FlaskClient) -> None:
    where = posted(browser)
    page_of(browser.get(where))
    page = page_of(browser.get(f"{where}?before=0"))
    assert "Hello, world!" not in page
    assert "Hello, world!" in page_of(browser.get(f"{where}?before=g"))


@pytest.mark.parametrize("path", ["/c/a%00b", "/c/x", "/c/" + "x" * 3000, "/c/%ed%a0%80"])
def test_names_that_nothing_can_have_are_missing_pages(browser: FlaskClient, path: str) -> None:
    for answered in (browser.get(path), submit(browser, path + "/turns/a%00b/../stop", "/")):
        assert answered.status_code in (404, 405)


@pytest.mark.parametrize("fields", [{"client_message_id": "a b"}, {"client_message_id": "a\0"}])
def test_a_client_message_id_of_another_shape_is_refused(
    app: Flask, browser: FlaskClient, fields: dict[str, str]
) -> None:
    assert submit(browser, "/messages", "/", message="Hi", **fields).status_code == 422
    assert set(rows(app).values()) == {0}


def test_a_conversation_s_name_of_another_shape_posts_nothing(app: Flask, browser: FlaskClient) -> None:
    answered = browser.post("/c/x/messages", data={"csrf_token": form_token(browser, "/"), "message": "Hi"})
    assert answered.status_code in (404, 422)
    assert set(rows(app).values()) == {0}


def test_no_log_line_holds_what_was_said(
    browser: FlaskClient, api: FlaskClient, upstream: ScriptedUpstream, log_lines: LogLines
) -> None:
    canary = "canary-of-the-question"
    upstream.scripts = [
        [STREAM_HEAD, chunk(delta("canary-of-the-answer")), chunk(delta("", "stop")), LAST_CHUNK]
    ]
    page_of(browser.get(posted(browser, canary)))
    api.post("/api/v1/chat", json={"message": canary}).get_data()
    api.post("/api/v1/chat", json={"message": canary, "voices": [canary], "model": canary}).get_data()
    api.post("/api/v1/chat", data='{"message": "' + canary, content_type="application/json").get_data()
    upstream.scripts = [refuse(400, canary)]
    api.post("/api/chat/stream", json={"message": canary}).get_data()
    assert len(log_lines.of("Chat request received")) == 3
    assert "canary-of-the-question" not in log_lines.text
    assert "canary-of-the-answer" not in log_lines.text


def test_a_page_of_many_messages_lets_others_have_their_turn(app: Flask, person: Person) -> None:
    session_id = conversation_of(app, person, [f"*{each}* " * 100 + f"of {each}." for each in range(100)])
    browser = signed_in(app, person)
    page_of(browser.get("/"))
    with rounds() as counted:
        page = page_of(browser.get(f"/c/{session_id}"))
        assert counted.count > 5
    assert page.count("<article") == 100 + page_of(browser.get("/")).count("<article")
    assert all(f"of {each}." in page for each in range(100))
