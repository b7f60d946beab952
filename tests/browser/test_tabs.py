"""Many tabs at once: a browser has six connections to a site, over HTTP/1.1, for all of them together."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Request

from tests.browser.reader import Reader
from tests.server import RunningServer

LONG = "simulate 2000 tokens"


def test_tabs_with_running_answers_leave_room_for_another(
    tabs: BrowserContext, server: RunningServer
) -> None:
    first = Reader(tabs, server)
    first.sign_in()
    streams: list[Request] = []
    first.page.on("request", lambda each: streams.append(each) if "/stream" in each.url else None)
    first.page.clock.install()
    begun(first)
    others = [begun(Reader(tabs, server)) for _ in range(5)]
    assert first.page.evaluate("document.hidden")
    Reader(tabs, server).visit("/password")

    drawn = len(first.text)
    first.page.clock.fast_forward(61_000)  # it looks in from time to time, so that its answer is not given up
    first.until(lambda: len(streams) == 2)
    first.page.clock.fast_forward(3_000)  # and does not stay
    first.page.bring_to_front()
    first.until(lambda: len(streams) == 3)
    first.until(lambda: len(first.text) > drawn + 100)
    for tab in (first, *others):
        stop(tab)
    first.wait_for_the_end()
    assert first.text.strip() == first.saved[-1]["content"].strip()
    assert first.complaints == []


def begun(tab: Reader) -> Reader:
    tab.visit("/")
    tab.send(LONG)
    tab.until(lambda: bool(tab.text))
    return tab


def stop(tab: Reader) -> None:
    token = tab.context.request.get(f"{tab.server.url}/api/auth/user").json()["csrf_token"]
    address = f"{tab.server.url}/api/v1/turns/{tab.saved[-1]['turn_id']}/cancel"
    assert tab.context.request.post(address, headers={"X-CSRFToken": token}).ok
