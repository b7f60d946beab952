"""Debian's Chromium, quiet and headless, and the two kinds of reader; conftest.py imports the fixtures."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.reader import PATIENCE_S, Reader, Server

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
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium here")
    return found or "chromium"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET])
    yield browser
    browser.close()


@pytest.fixture
def tabs(playwright: Playwright, chromium: str, tmp_path: Path) -> Iterator[BrowserContext]:
    """A window whose tabs hide one another, as a person's do. Playwright makes the pages of a browser that it has
    started believe that all of them are looked at."""
    profile = tmp_path / "profile"
    command = [chromium, "--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}", *QUIET]
    with subprocess.Popen([*command, "about:blank"], stderr=subprocess.DEVNULL) as process:
        try:
            browser = playwright.chromium.connect_over_cdp(_address(profile), no_defaults=True)
            yield browser.contexts[0]
            browser.close()
        finally:
            process.terminate()


def _address(profile: Path) -> str:
    """Where a Chromium that is just starting can be spoken to."""
    file, deadline = profile / "DevToolsActivePort", time.monotonic() + PATIENCE_S
    while not (file.exists() and file.read_text().count("\n")):
        assert time.monotonic() < deadline, "Chromium did not start"
        time.sleep(0.05)
    return f"http://127.0.0.1:{file.read_text().split()[0]}"


@pytest.fixture
def reader(browser: Browser, server: Server) -> Iterator[Reader]:
    """Somebody with scripts. What the browser complains of at the end is a failure."""
    with reading(browser, server, scripts=True) as reader:
        yield reader


@pytest.fixture
def plain_reader(browser: Browser, server: Server) -> Iterator[Reader]:
    """Somebody without."""
    with reading(browser, server, scripts=False) as reader:
        yield reader


@contextmanager
def reading(browser: Browser, server: Server, *, scripts: bool) -> Iterator[Reader]:
    with browser.new_context(java_script_enabled=scripts, locale="en-GB") as context:
        reader = Reader(context, server)
        yield reader
        assert reader.complaints == []
