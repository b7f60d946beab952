"""Debian's Chromium, quiet and headless, and the two kinds of reader; conftest.py imports the fixtures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.reader import Reader, Server

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium or "chromium", args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture
def reader(browser: Browser, server: Server) -> Iterator[Reader]:
    """Somebody with scripts. What the browser complains of at the end is a failure."""
    yield from _reader(browser, server, scripts=True)


@pytest.fixture
def plain_reader(browser: Browser, server: Server) -> Iterator[Reader]:
    """Somebody without."""
    yield from _reader(browser, server, scripts=False)


def _reader(browser: Browser, server: Server, *, scripts: bool) -> Iterator[Reader]:
    with browser.new_context(java_script_enabled=scripts, locale="en-GB") as context:
        reader = Reader(context, server)
        yield reader
        assert reader.complaints == []
