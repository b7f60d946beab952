"""The servers that a browser visits: real ones, with the simulated model, or with one that a test leads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.browsers import browser, chromium, plain_reader, playwright, reader, reading, tabs
from tests.browser.columns import Columns
from tests.browser.led_voices import LedVoices
from tests.browser.reader import Reader
from tests.deploy.lockstep import LockstepUpstream
from tests.server import RunningServer

__all__ = ["browser", "chromium", "plain_reader", "playwright", "reader", "server", "tabs"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("server"))
    running.start()
    running.sign_up()
    yield running
    running.kill()  # a browser keeps connections open for as long as it lives


@pytest.fixture(scope="session")
def upstream() -> Iterator[LockstepUpstream]:
    with LockstepUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def led_server(
    tmp_path_factory: pytest.TempPathFactory, upstream: LockstepUpstream
) -> Iterator[RunningServer]:
    """One whose model says what a test gives it, when it gives it. A test that ends it starts it again."""
    settings = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "key-for-the-test"}
    running = RunningServer(tmp_path_factory.mktemp("led"), settings)
    running.start()
    running.sign_up()
    yield running
    running.kill()


@pytest.fixture
def asking(browser: Browser, led_server: RunningServer, upstream: LockstepUpstream) -> Iterator[Reader]:
    """Somebody whose answer has begun, and is saved as far as it goes."""
    with reading(browser, led_server, scripts=True) as reader:
        reader.ask(upstream)
        reader.until(lambda: reader.text == "one ")
        yield reader
    upstream.end()  # in case the test did not


@pytest.fixture
def plain_asking(browser: Browser, led_server: RunningServer, upstream: LockstepUpstream) -> Iterator[Reader]:
    """The same without scripts: the page is the stream, and shows whole blocks alone."""
    with reading(browser, led_server, scripts=False) as reader:
        reader.ask(upstream)
        yield reader
    upstream.end()


@pytest.fixture(scope="session")
def led_voices() -> Iterator[LedVoices]:
    with LedVoices() as voices:
        yield voices


@pytest.fixture(scope="session")
def voices_server(tmp_path_factory: pytest.TempPathFactory, led_voices: LedVoices) -> Iterator[RunningServer]:
    """One where each voice says what a test gives it. A test that ends it starts it again."""
    settings = {"OPENAI_BASE_URL": led_voices.url, "OPENAI_API_KEY": "key-for-the-test"}
    running = RunningServer(tmp_path_factory.mktemp("voices"), settings)
    running.start()
    running.sign_up()
    yield running
    running.kill()


@pytest.fixture
def columns(browser: Browser, voices_server: RunningServer, led_voices: LedVoices) -> Iterator[Columns]:
    """Somebody who has signed in, and whom nobody has answered yet."""
    with reading(browser, voices_server, scripts=True) as reader:
        reader.sign_in()
        yield Columns(reader)
    led_voices.end_all()
