"""The picture in the README, made as the tests run: `make screenshot` keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.reader import Reader, Server

PICTURE = "CHATAPP_SCREENSHOT"
_TO_THE_TOP = """
for (const each of [document.scrollingElement, ...document.querySelectorAll(".voice *")]) each.scrollTop = 0;
"""


def test_the_picture_shows_a_question_and_what_three_voices_say(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 960}, locale="en-GB") as context:
        reader = Reader(context, server)
        reader.sign_in()
        reader.page.click("#voice-picker summary")
        for voice in ("explorer", "maintainer"):
            reader.page.check(f'input[name="voices"][value="{voice}"]')
        reader.send("What can an answer hold?")
        reader.page.wait_for_selector("#send:visible")
        reader.page.wait_for_selector(".exchange-foot", state="attached")
        reader.page.evaluate(_TO_THE_TOP)
        picture = Path(os.environ.get(PICTURE) or tmp_path / "screenshot.png")
        reader.page.screenshot(path=picture)
        assert picture.stat().st_size > 20_000
