"""The scripts of docs/clients in Chromium, on a page of another origin."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from random import SystemRandom
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.cable import Cable
from tests.browser.page_server import PageServer
from tests.browser.reader import PATIENCE_S
from tests.clients.event_streams import CASES, as_json
from tests.clients.troubled_server import EVENT_STREAM, Answer, Trouble, TroubledServer
from tests.server import RunningServer

SEED = SystemRandom().randrange(1 << 32)
SAVED = """async ([base, token, session]) => {
  const headers = { Authorization: `Bearer ${token}` };
  return (await (await fetch(`${base}/api/v1/conversations/${session}/messages`, { headers })).json()).items;
}"""
CONVERSATIONS = """async ([base, token]) => {
  const headers = { Authorization: `Bearer ${token}` };
  return (await (await fetch(`${base}/api/v1/conversations`, { headers })).json()).items;
}"""

BEGUN = (
    b'retry: 10\nid: a-0\n\nid: a-1\nevent: token\ndata: {"text":"one "}\n\nid: a-2\nevent: token\ndata: {"te'
)
GOES_ON = b'id: a-2\nevent: token\ndata: {"text":"two"}\n\n'
ENDS = b'id: a-9\nevent: done\ndata: {"finish_reason":"stop"}\n\n'
FALLS_SILENT = Answer(200, EVENT_STREAM, BEGUN, held=True)
"""What a browser has not read of a line that breaks is gone; of this one it reads all."""
SILENCE_MS = 1234
UNAUTHORIZED = Answer(401, {}, b'{"code":"UNAUTHORIZED","message":"Unauthorized","request_id":"req_1"}')


@pytest.fixture(scope="module")
def pages() -> Iterator[PageServer]:
    with PageServer() as pages:
        yield pages


@pytest.fixture(scope="module")
def api(pages: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("api"), {"CORS_ORIGINS": pages.same_site})
    running.start()
    yield running
    running.kill()  # a browser keeps connections open for as long as it lives


@pytest.fixture
def page(browser: Browser, pages: PageServer) -> Iterator[Page]:
    with browser.new_page() as page:
        page.goto(pages.same_site)
        # What tries for ever gives up in the end: a page that waits would hold the tests.
        page.evaluate(f"window.patience = AbortSignal.timeout({PATIENCE_S * 1000})")
        yield page


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, page.evaluate("[window.shown, window.result]")
        page.wait_for_timeout(20)


# The parser


def test_the_parser_does_not_care_where_bytes_are_cut(page: Page) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    assert CASES
    wrong = page.evaluate(
        """async (cases) => {
          const { EventStreamParser } = await import("/event-stream.js");
          const wrong = [];
          for (const { name, ways, told, lastId, retryMs } of JSON.parse(cases))
            for (const way of ways) {
              const parser = new EventStreamParser();
              const events = way.flatMap((piece) => parser.push(new Uint8Array(piece)));
              const found = events.map(({ type, data, lastEventId }) => [type, data, lastEventId]);
              const [is, due] = [[found, parser.lastEventId, parser.retryMs], [told, lastId, retryMs]];
              if (JSON.stringify(is) !== JSON.stringify(due)) wrong.push([name, way, is, due]);
            }
          return wrong;
        }""",
        as_json(SEED),
    )
    assert wrong == []


# The examples, with the real server


def test_event_source_with_a_stream_token(page: Page, api: RunningServer) -> None:
    reason = page.evaluate(
        """async ([base, token]) => {
          const { watch } = await import("/watch.js");
          return watch(base, token, "simulate 8 tokens", (text) => { window.shown = text; });
        }""",
        [api.url, api.token],
    )
    assert reason == "stop"
    assert_newest_is_shown(page, api)


def test_fetch_and_a_reader(page: Page, api: RunningServer) -> None:
    told = page.evaluate(
        """async ([base, token]) => {
          const { ask } = await import("/ask.js");
          return ask(base, token, "simulate 20 tokens", (text) => { window.shown = text; });
        }""",
        [api.url, api.token],
    )
    saved = page.evaluate(SAVED, [api.url, api.token, told["session"]])
    assert told["reason"] == "stop"
    assert told["text"] == saved[-1]["content"] == page.evaluate("window.shown") != ""


def test_the_plain_dialect_and_two_views_of_the_same_turn(page: Page, api: RunningServer) -> None:
    session = "session-20250819-143022-plain"
    told = page.evaluate(
        """async ([base, token, session]) => {
          const { plain } = await import("/plain.js");
          const { voice } = await import("/voice.js");
          const { generation } = await import("/generation.js");
          const body = { message: "simulate 8 tokens", conversationId: session };
          const first = await plain(base, token, body, (text) => { window.shown = text; });
          const second = await voice(base, token, session, "seeker", () => {});
          const headers = { Authorization: `Bearer ${token}` };
          const messages = await fetch(`${base}/api/v1/conversations/${session}/messages`, { headers });
          const { generation_id: id } = (await messages.json()).items[1];
          const third = await generation(base, token, id, () => {});
          return [first, second.text, second.finishReason, third];
        }""",
        [api.url, api.token, session],
    )
    text = page.evaluate(SAVED, [api.url, api.token, session])[-1]["content"]
    assert text
    assert told == [text, text, "stop", {"text": text, "status": "completed", "progress": 1}]


def test_what_is_put_together_over_a_line_that_is_cut_is_what_is_saved(
    page: Page, api: RunningServer
) -> None:
    with Cable(api) as cable:
        page.evaluate(
            """async ([base, token]) => {
              const { keep } = await import("/keep.js");
              [window.shown, window.lost] = ["", []];
              const show = (text) => { window.shown = text; };
              const showLost = (isLost) => window.lost.push(isLost);
              keep(base, token, "simulate 90 tokens", { show, showLost }).then((found) => { window.result = found; });
            }""",
            [cable.url, api.token],
        )
        wait_until(page, lambda: len(page.evaluate("window.shown")) > 30)
        cable.cut()
        wait_until(page, lambda: page.evaluate("window.lost.at(-1)"))
        cable.mend()
        wait_until(page, lambda: bool(page.evaluate("window.result?.finishReason")))
    assert page.evaluate("window.result.finishReason") == "stop"
    assert page.evaluate("window.lost") == [False, True, False]
    assert_newest_is_shown(page, api)


def assert_newest_is_shown(page: Page, api: RunningServer) -> None:
    session = page.evaluate(CONVERSATIONS, [api.url, api.token])[0]["session_id"]
    saved = page.evaluate(SAVED, [api.url, api.token, session])
    assert [each["role"] for each in saved] == ["user", "assistant"]
    assert page.evaluate("window.shown") == saved[-1]["content"] != ""


# The wrapper, with a server that is not well


def hasten(page: Page) -> None:
    """From now on pauses are cut short; `window.slept` are those that were meant."""
    page.evaluate(
        """(silenceMs) => {
          const real = window.setTimeout;
          window.slept = [];
          window.setTimeout = (what, ms) => {
            if (ms === silenceMs || ms >= 30000) return real(what, ms); // it is dead only when it is silent
            window.slept.push(ms);
            return real(what, Math.min(ms, 20));
          };
        }""",
        SILENCE_MS,
    )


def follow(page: Page, url: str, options: str = "") -> Any:
    """What the wrapper gives, or which error. `options` is JavaScript."""
    hasten(page)
    return page.evaluate(
        f"""async (url) => {{
          const {{ follow }} = await import("/reconnecting.js");
          try {{
            const found = await follow(url, {{ silenceMs: {SILENCE_MS}, signal: window.patience, {options} }});
            const {{ text, finishReason, failure, lastEventId }} = found;
            return {{ text, finishReason, failure, lastEventId }};
          }} catch ({{ name, status, code }}) {{
            return {{ name, status, code }};
          }}
        }}""",
        url,
    )


def test_it_leaves_a_silent_line_and_goes_on_from_the_last_whole_event(page: Page) -> None:
    troubles: list[Answer | Trouble] = [
        FALLS_SILENT,
        Trouble.GONE,
        Answer(429, {"Retry-After": "7"}),
        Answer(503, {"Retry-After": "3"}),
        Answer(502),
        Answer(200, EVENT_STREAM, GOES_ON + ENDS),
    ]
    with TroubledServer(*troubles) as troubled:
        told = follow(page, troubled.url)
    assert told == {"text": "one two", "finishReason": "stop", "failure": None, "lastEventId": "a-9"}
    assert troubled.headers_of("last-event-id") == [None, *["a-1"] * 5]
    slept = page.evaluate("window.slept")
    assert slept[2:4] == [7000, 3000]
    assert 5 <= slept[0] <= 10 <= slept[1] <= 20
    assert 80 <= slept[4] <= 160


def test_a_pause_that_no_timer_can_hold_is_not_none(page: Page) -> None:
    """A browser's timer for more than 24 days is over at once."""
    page.evaluate(
        """(silenceMs) => {
          const real = window.setTimeout;
          window.long = [];
          window.setTimeout = (what, ms) => {
            if (ms !== silenceMs && ms >= 30000) window.long.push(ms);
            return real(what, ms !== silenceMs && ms >= 30000 ? 0 : ms);
          };
        }""",
        SILENCE_MS,
    )
    long = [Answer(503, {"Retry-After": told}) for told in ("2592000", "9" * 400)]
    with TroubledServer(*long, Answer(200, EVENT_STREAM, ENDS)) as troubled:
        assert follow(page, troubled.url)["finishReason"] == "stop"
    assert page.evaluate("window.long") == [2**31 - 1] * 2


def test_a_snapshot_takes_the_place_of_the_text(page: Page) -> None:
    snapshot = {
        "generations": [{"generation_id": "g", "voice": "seeker", "text": "ONE ", "status": "streaming"}]
    }
    told_again = b"id: b-5\nevent: snapshot\ndata: " + json.dumps(snapshot).encode() + b"\n\n"
    failed = b'id: b-6\nevent: failure\ndata: {"code":"INTERRUPTED"}\n\n'
    troubles = [
        FALLS_SILENT,
        Answer(200, EVENT_STREAM, told_again + GOES_ON + failed + ENDS),
    ]
    with TroubledServer(*troubles) as troubled:
        told = follow(page, troubled.url)
    assert (told["text"], told["failure"]) == ("ONE two", {"code": "INTERRUPTED"})


def test_nothing_comes_after_its_position(page: Page) -> None:
    with TroubledServer(Answer(204)) as troubled:
        told = follow(page, troubled.url, 'lastEventId: "a-9"')
    assert told == {"text": "", "finishReason": None, "failure": None, "lastEventId": "a-9"}
    assert troubled.headers_of("last-event-id") == ["a-9"]


def test_after_a_401_it_asks_for_other_headers_once(page: Page) -> None:
    headers = "headers: async (wereRefused) => ({ Authorization: wereRefused ? 'new' : 'old' })"
    over = Answer(200, EVENT_STREAM, ENDS)
    with TroubledServer(UNAUTHORIZED, over) as troubled:
        assert follow(page, troubled.url, headers)["finishReason"] == "stop"
    assert troubled.headers_of("authorization") == ["old", "new"]
    with TroubledServer(UNAUTHORIZED, UNAUTHORIZED) as troubled:
        told = follow(page, troubled.url, headers)
    assert told == {"name": "Refused", "status": 401, "code": "UNAUTHORIZED"}
    assert len(troubled.requests) == 2


@pytest.mark.parametrize(
    "answer", [Answer(404, {}, b"no JSON"), Answer(200, {"Content-Type": "text/html"}, b"<p>")]
)
def test_what_is_no_stream_is_not_asked_for_twice(page: Page, answer: Answer) -> None:
    with TroubledServer(answer) as troubled:
        told = follow(page, troubled.url)
    assert told == {"name": "Refused", "status": answer.status, "code": f"HTTP_{answer.status}"}
    assert len(troubled.requests) == 1


@pytest.mark.parametrize("trouble", [FALLS_SILENT, Answer(503, {"Retry-After": "25"})])
def test_its_caller_can_leave(page: Page, trouble: Answer) -> None:
    """In mid-stream, and while it waits for the next attempt."""
    with TroubledServer(trouble) as troubled:
        page.evaluate("window.leaving = new AbortController()")
        page.evaluate(
            """async (url) => {
              const { follow } = await import("/reconnecting.js");
              const { signal } = window.leaving;
              follow(url, { signal }).catch(({ name }) => { window.result = name; });
            }""",
            troubled.url,
        )
        wait_until(page, lambda: len(troubled.requests) == 1)
        page.evaluate("window.leaving.abort()")
        wait_until(page, lambda: page.evaluate("window.result") == "AbortError")
        assert len(troubled.requests) == 1


def test_a_message_is_posted_once_although_its_answers_are_lost(page: Page, api: RunningServer) -> None:
    hasten(page)
    cut_off = Answer(202, {"Content-Type": "application/json"}, b'{"turn_id":"', cut=True)
    troubles = Answer(503), Trouble.LOST, Trouble.GONE, cut_off
    with TroubledServer(*troubles, url=api.url) as troubled:
        turn = start(page, troubled.url, api.token, "Once, simulate 1 token")
    assert len(troubled.requests) == 5
    assert len(set(troubled.headers_of("idempotency-key"))) == 1
    listed = page.evaluate(CONVERSATIONS, [api.url, api.token])
    assert [each["title"] for each in listed].count("Once, simulate 1 token") == 1
    saved = page.evaluate(SAVED, [api.url, api.token, turn["session_id"]])
    assert [each["role"] for each in saved] == ["user", "assistant"]


def test_a_conflict_is_told_by_its_code(page: Page, api: RunningServer) -> None:
    assert start(page, api.url, api.token, "simulate 1 token", key="mine")["turn_id"]
    told = start(page, api.url, api.token, "Something else", key="mine")
    assert told == {"name": "Refused", "status": 409, "code": "MESSAGE_ID_REUSED"}
    assert (
        page.evaluate(
            """async ([base, token]) => {
          const { keep } = await import("/keep.js");
          const { startTurn } = await import("/reconnecting.js");
          const headers = () => ({ Authorization: `Bearer ${token}` });
          const sessionId = "session-20250819-143022-busy";
          await startTurn(base, { message: "simulate 400 tokens", sessionId }, { headers });
          return startTurn(base, { message: "Hi", sessionId }, { headers }).catch(({ code }) => code);
        }""",
            [api.url, api.token],
        )
        == "TURN_RUNNING"
    )


def start(page: Page, base: str, token: str, message: str, key: str | None = None) -> Any:
    return page.evaluate(
        """async ([base, token, message, key]) => {
          const { startTurn } = await import("/reconnecting.js");
          const headers = () => ({ Authorization: `Bearer ${token}` });
          const options = { headers, signal: window.patience, ...(key && { key }) };
          return startTurn(base, { message }, options).catch(({ name, status, code }) => ({ name, status, code }));
        }""",
        [base, token, message, key],
    )
