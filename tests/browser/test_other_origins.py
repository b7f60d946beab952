"""Front ends on other origins, in a real browser: the same site with the cookie, another site with tokens, and those
that are not listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.page_server import PageServer
from tests.browser.reader import Reader
from tests.server import RunningServer

FOLLOW = """(address, credentials) => new Promise((resolve) => {
    const source = new EventSource(address, { withCredentials: credentials });
    const told = { text: "", events: [] };
    source.addEventListener("token", (event) => { told.text += JSON.parse(event.data).text; });
    source.addEventListener("done", (event) => { told.events.push("done"); });
    // The server ends the stream; the browser comes back with its place and is told that there is no more.
    source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) { told.events.push("closed"); resolve(told); }
    };
})"""
CALL = """async (address, options) => {
    try {
        const answer = await fetch(address, options);
        const names = ["X-Request-Id", "X-Session-Id", "X-Turn-Id"];
        return { status: answer.status, body: await answer.text(), type: answer.type,
                 headers: Object.fromEntries(names.map((name) => [name, answer.headers.get(name)])) };
    } catch (error) {
        return { status: 0, body: String(error) };
    }
}"""
STREAM = """async (address, options) => {
    const answer = await fetch(address, options);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let pieces = 0, text = "";
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return { pieces, text, turn: answer.headers.get("X-Turn-Id") };
        pieces += 1;
        text += value;
    }
}"""


@pytest.fixture(scope="module")
def foreign() -> Iterator[PageServer]:
    """One whose two origins are listed."""
    with PageServer() as page:
        yield page


@pytest.fixture(scope="module")
def stranger() -> Iterator[PageServer]:
    """One whose origins are not."""
    with PageServer() as page:
        yield page


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, foreign: PageServer) -> Iterator[RunningServer]:
    """A server that lists the origins of `foreign`."""
    settings = {"CORS_ORIGINS": f"{foreign.same_site},{foreign.other_site}"}
    running = RunningServer(tmp_path_factory.mktemp("open"), settings)
    running.start()
    running.sign_up()
    yield running
    running.kill()


@pytest.fixture
def person(browser: Browser, open_server: RunningServer) -> Iterator[Reader]:
    """Somebody who is signed in there, and looks at other pages with the same browser."""
    with browser.new_context(locale="en-GB") as context:
        reader = Reader(context, open_server)
        reader.sign_in()
        yield reader


class Front:
    """A front end at some origin, that speaks to the server."""

    def __init__(self, person: Reader, origin: str) -> None:
        self.page: Page = person.context.new_page()
        self.page.goto(origin)
        self._server = person.server.url

    def call(self, path: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.page.evaluate(
            f"([address, options]) => ({CALL})(address, options)", [self._server + path, options]
        )
        return answer

    def stream(self, path: str, **options: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.page.evaluate(
            f"([address, options]) => ({STREAM})(address, options)", [self._server + path, options]
        )
        return told

    def follow(self, path: str, *, credentials: bool) -> dict[str, Any]:
        """By EventSource, until the browser itself has given up coming back."""
        told: dict[str, Any] = self.page.evaluate(
            f"([address, credentials]) => ({FOLLOW})(address, credentials)",
            [self._server + path, credentials],
        )
        return told


def json_of(front: Front, path: str, **options: Any) -> Any:
    answered = front.call(path, **options)
    assert answered["status"] in (200, 202), answered
    return front.page.evaluate("JSON.parse", answered["body"])


def posting(body: str, **headers: str) -> dict[str, Any]:
    return {"method": "POST", "body": body, "headers": {"Content-Type": "application/json", **headers}}


def saved(person: Reader, session_id: str) -> str:
    address = f"{person.server.url}/api/v1/conversations/{session_id}/messages"
    return str(person.context.request.get(address).json()["items"][-1]["content"])


def conversations(person: Reader) -> list[Any]:
    items: list[Any] = person.context.request.get(f"{person.server.url}/api/v1/conversations").json()["items"]
    return items


def test_the_same_site_s_front_end_uses_the_cookie(person: Reader, foreign: PageServer) -> None:
    front = Front(person, foreign.same_site)
    user = json_of(front, "/api/auth/user", credentials="include")
    assert user["email"] == person.server.email

    asked = posting('{"message": "simulate 20 tokens"}')
    refused = front.call("/api/v1/turns", credentials="include", **asked)
    assert (refused["status"], "CSRF_FAILED" in refused["body"]) == (403, True)
    assert refused["headers"]["X-Request-Id"].startswith("req_")

    asked["headers"]["X-CSRFToken"] = user["csrf_token"]
    turn = json_of(front, "/api/v1/turns", credentials="include", **asked)
    told = front.follow(turn["stream_url"], credentials=True)
    assert told["events"] == ["done", "closed"]
    assert told["text"] == saved(person, turn["session_id"]) != ""

    voice = front.follow(f"/api/sessions/{turn['session_id']}/stream/seeker", credentials=True)
    assert voice == told
    without = front.follow(turn["stream_url"], credentials=False)
    assert without == {"text": "", "events": ["closed"]}


def test_the_same_site_s_front_end_follows_each_voice_alone(person: Reader, foreign: PageServer) -> None:
    """All of them at once, while they answer; each stream ends with its own voice."""
    front = Front(person, foreign.same_site)
    token = json_of(front, "/api/auth/user", credentials="include")["csrf_token"]
    asked = posting(
        '{"message": "simulate 40 tokens", "voices": ["seeker", "explorer"]}', **{"X-CSRFToken": token}
    )
    turn = json_of(front, "/api/v1/turns", credentials="include", **asked)
    address = f"{person.server.url}/api/sessions/{turn['session_id']}/stream/"
    told = front.page.evaluate(
        f"(addresses) => Promise.all(addresses.map((each) => ({FOLLOW})(each, true)))",
        [address + voice for voice in ("seeker", "explorer")],
    )
    assert [each["events"] for each in told] == [["done", "closed"]] * 2
    items = person.context.request.get(
        f"{person.server.url}/api/v1/conversations/{turn['session_id']}/messages"
    ).json()["items"]
    replies = {each["voice"]: each["content"] for each in items if each["role"] == "assistant"}
    assert {"seeker": told[0]["text"], "explorer": told[1]["text"]} == replies
    missing = front.call(f"/api/sessions/{turn['session_id']}/stream/maintainer", credentials="include")
    assert missing["status"] == 404


def test_another_site_s_front_end_has_no_cookie_and_uses_tokens(
    person: Reader, foreign: PageServer, open_server: RunningServer
) -> None:
    front = Front(person, foreign.other_site)
    assert front.call("/api/auth/user", credentials="include")["status"] == 401

    bearer = {"Authorization": f"Bearer {open_server.token}"}
    asked = posting('{"message": "simulate 20 tokens"}', **bearer, **{"Idempotency-Key": "from-elsewhere"})
    streamed = front.stream("/api/v1/chat", **asked)
    assert streamed["pieces"] > 3
    assert streamed["text"].startswith(": Connected to chat stream\n")
    assert streamed["text"].endswith('event: done\ndata: {"finish_reason":"stop"}\n\n')

    again = json_of(front, "/api/v1/turns", **asked)
    assert again["turn_id"] == streamed["turn"]
    token = json_of(front, f"/api/v1/turns/{again['turn_id']}/stream-token", method="POST", headers=bearer)
    told = front.follow(f"{token['stream_url']}?token={token['sse_token']}", credentials=False)
    assert told["events"] == ["done", "closed"]
    assert told["text"] == saved(person, again["session_id"]) != ""

    spent = front.follow(f"{token['stream_url']}?token={token['sse_token']}", credentials=False)
    assert spent == {"text": "", "events": ["closed"]}


@pytest.mark.parametrize("site", ["same_site", "other_site"])
def test_an_origin_that_is_not_listed_reads_and_changes_nothing(
    person: Reader, stranger: PageServer, open_server: RunningServer, site: str
) -> None:
    front, before = Front(person, getattr(stranger, site)), conversations(person)
    assert front.call("/api/auth/user", credentials="include")["status"] == 0

    body = '{"message": "Forged"}'
    assert front.call("/api/v1/turns", credentials="include", **posting(body))["status"] == 0
    bearer = {"Authorization": f"Bearer {open_server.token}"}
    assert front.call("/api/v1/turns", **posting(body, **bearer))["status"] == 0
    # What a form could send needs no preflight, and arrives, with the cookie where the site is the same.
    blind = front.call("/api/v1/turns", method="POST", body=body, mode="no-cors", credentials="include")
    assert (blind["type"], blind["body"]) == ("opaque", "")
    assert conversations(person) == before


@pytest.mark.parametrize("site", ["same_site", "other_site"])
def test_a_form_of_another_page_sends_no_message(person: Reader, stranger: PageServer, site: str) -> None:
    page, before = Front(person, getattr(stranger, site)).page, conversations(person)
    page.evaluate(
        """(address) => {
            document.body.innerHTML = `<form method="post"><input name="message" value="Forged"></form>`;
            document.forms[0].action = address;
            document.forms[0].submit();
        }""",
        f"{person.server.url}/messages",
    )
    page.wait_for_url(f"{person.server.url}/**")
    page.wait_for_selector("main")
    assert conversations(person) == before
