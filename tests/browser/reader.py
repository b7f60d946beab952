"""A person at a browser: what the tests do and see, in their words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

PATIENCE_S = 30


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
        self.visit("/sign-in")
        self.page.fill("#email", self.server.email)
        self.page.fill("#password", self.server.password)
        self.page.click("main button")
        self.page.wait_for_url(self.server.url + "/")

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

    @property
    def own(self) -> Locator:
        return self.page.locator(".message-own")

    @property
    def replies(self) -> Locator:
        return self.page.locator(".message-reply")

    @property
    def answer(self) -> Locator:
        """The latest reply's text."""
        return self.replies.last.locator(".message-text")

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
        self.page.wait_for_selector(".message-reply:last-child .prose", timeout=PATIENCE_S * 1000)


def _note_new(sizes: list[int], size: int) -> list[int]:
    if size > 0 and size not in sizes:
        sizes.append(size)
    return sizes
