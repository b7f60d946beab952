"""What a page says of a turn that ends with somebody's connection: its script asks before it is left."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, chunk, delta
from tests.web.pages.visit import page_of, posted

NAME = "session-20250819-143022-a1b2"
NOTE = "tied to the connection of the program"


@pytest.fixture(autouse=True)
def hangs(upstream: ScriptedUpstream) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]


def test_a_turn_of_the_page_s_own_runs_on(browser: FlaskClient) -> None:
    where = posted(browser)
    browser.set_cookie("js", "1")
    page = page_of(browser.get(where))
    assert "data-stream-url" in page
    assert "data-bound" not in page
    assert NOTE not in page


def test_one_that_is_tied_to_a_connection_is_told_as_such(browser: FlaskClient, api: FlaskClient) -> None:
    asked = {"message": "Hi", "sessionId": NAME}
    streamed = api.post("/api/v1/chat", json=asked, buffered=False)
    next(iter(streamed.response))
    browser.set_cookie("js", "1")
    page = page_of(browser.get(f"/c/{NAME}"))
    assert page.count("data-bound") == 1
    assert NOTE in page
    streamed.close()
