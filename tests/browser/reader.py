"""A person at a browser: what the tests do and see, in their words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

from tests.deploy.lockstep import LockstepUpstream

PATIENCE_S = 30
SESSION = "chatapp_session"


_sessions: dict[str, list[Any]] = {}
"""By the server's address: the cookie of a session that somebody has begun there."""


class Server(Protocol):
    """The running application, with one account."""

    url: str
    email: str
    password: str


class Reader:
    """One tab of one browser. `complaints` holds what its console says, refusals by the policy included."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.context = context
        self.server = server
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def visit(self, path: str = "/") -> None:
        self.page.goto(self.server.url + path)

    def sign_in(self) -> None:
        """With the session of an earlier reader, where there is one: the form takes its time."""
        self.context.add_cookies(_sessions.get(self.server.url, []))
        self.visit("/")
        if "/sign-in" in self.page.url:
            self.fill_in_the_form()

    def fill_in_the_form(self) -> None:
        self.page.fill("#email", self.server.email)
        self.page.fill("#password", self.server.password)
        self.page.click("main button")
        self.page.wait_for_url(self.server.url + "/")
        [cookie] = [each for each in self.context.cookies() if each["name"] == SESSION]
        _sessions[self.server.url] = [
            {"name": SESSION, "value": cookie["value"], "url": self.server.url, "httpOnly": True}
        ]

    def sign_out(self) -> None:
        self.page.click(".account summary")
        self.page.click("text=Sign out")
        self.page.wait_for_url("**/sign-in*")

    def write(self, message: str) -> None:
        self.page.fill("#message", message)

    def send(self, message: str) -> None:
        """Presses Send, and waits for nothing."""
        self.write(message)
        self.page.click("#send", no_wait_after=True)

    def ask(self, upstream: LockstepUpstream) -> None:
        """Signs in and asks; the answer has begun with "one ", which is saved."""
        self.sign_in()
        self.send("Count")
        upstream.wait_until_asked()
        upstream.give("one ")
        self.until(lambda: "/c/" in self.page.url)
        self.until(lambda: self.saved[-1]["content"] == "one ")

    def second_tab(self) -> Reader:
        """Another tab on the same page."""
        tab = Reader(self.context, self.server)
        tab.page.goto(self.page.url)
        return tab

    @property
    def text(self) -> str:
        """What the latest answer reads, as it is written: exactly, while it arrives."""
        return self.answer.text_content() or ""

    @property
    def saved(self) -> list[dict[str, Any]]:
        """The messages of this conversation, as the server has saved them."""
        session_id = self.page.url.partition("/c/")[2].partition("?")[0].partition("#")[0]
        address = f"{self.server.url}/api/v1/conversations/{session_id}/messages"
        answered = self.context.request.get(
            address, max_retries=5
        )  # over connections that may be dead by now
        items: list[dict[str, Any]] = answered.json()["items"]
        return items

    @property
    def again(self) -> Locator:
        """The button that asks the same once more, where it is offered."""
        return self.page.get_by_role("button", name="Try again")

    @property
    def own(self) -> Locator:
        return self.page.locator(".message-own")

    @property
    def replies(self) -> Locator:
        return self.page.locator(".message-reply")

    @property
    def answer(self) -> Locator:
        """The latest reply's text."""
        return self.replies.last.locator(".message-text").first

    def sizes_until(self, measure: Callable[[], int], steps: int) -> list[int]:
        """The different sizes that something on the page goes through, until there are `steps` of them."""
        sizes: list[int] = []
        self.until(lambda: len(_note_new(sizes, measure())) >= steps)
        return sizes

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, self.page.content()[-3000:]
            self.page.wait_for_timeout(40)

    def wait_for_the_end(self) -> None:
        """Until the saved answer is in the place of the one that was typed out."""
        self.page.wait_for_selector("#send:visible", timeout=PATIENCE_S * 1000)
        self.page.wait_for_selector(
            ".exchange:last-child > .message-reply:not([aria-busy]) .prose", timeout=PATIENCE_S * 1000
        )


def _note_new(sizes: list[int], size: int) -> list[int]:
    if size > 0 and size not in sizes:
        sizes.append(size)
    return sizes
