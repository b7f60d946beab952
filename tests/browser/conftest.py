"""The server that a browser visits: real, with the simulated model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.browsers import browser, plain_reader, reader
from tests.server import RunningServer

__all__ = ["browser", "plain_reader", "reader", "server"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("server"))
    running.start()
    running.sign_up()
    yield running
    running.kill()  # a browser keeps connections open for as long as it lives
