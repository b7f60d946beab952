"""The picture in the README, made as the tests run: `make screenshot` keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.reader import Reader, Server

PICTURE = "CHATAPP_SCREENSHOT"


def test_the_picture_shows_a_whole_conversation(browser: Browser, server: Server, tmp_path: Path) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB") as context:
        reader = Reader(context, server)
        reader.sign_in()
        reader.send("What can an answer hold?")
        reader.wait_for_the_end()
        picture = Path(os.environ.get(PICTURE) or tmp_path / "screenshot.png")
        reader.page.screenshot(path=picture)
        assert picture.stat().st_size > 20_000
