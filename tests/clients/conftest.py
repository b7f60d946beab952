"""One real server with the simulated model, for all who read the documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import RunningServer


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        yield server
