"""Applications whose limits count, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from chatapp.app import create_app
from chatapp.config import load_settings
from tests.hand_clock import HandClock
from tests.scripted_upstream import ScriptedUpstream
from tests.web.conftest import MODELS, parts_of

MakeLimited = Callable[..., Flask]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def make_limited(
    sqlite_url: str, tmp_path: Path, upstream: ScriptedUpstream, clock: HandClock
) -> Iterator[MakeLimited]:
    made: list[Flask] = []

    def make(**variables: str) -> Flask:
        given = {
            "CHATAPP_DATA": str(tmp_path / "data"),
            "DATABASE_URL": sqlite_url,
            "OPENAI_BASE_URL": upstream.base_url,
            "CHATAPP_MODELS": MODELS,
            "CHATAPP_RATE_LIMITS": "1",
            "CHATAPP_MESSAGES_PER_MINUTE": "3",
        }
        made.append(create_app(load_settings({**given, **variables}), clock=clock))
        return made[-1]

    yield make
    for app in made:
        parts_of(app).stop()


@pytest.fixture
def app(make_limited: MakeLimited) -> Flask:
    return make_limited()
