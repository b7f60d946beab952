"""The composition root: what an application is made of, and that nothing runs before it serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from chatapp.app import create_app
from chatapp.config import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def test_making_an_application_touches_no_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/never.sqlite3"
    create_app(load_settings({"CHATAPP_DATA": str(tmp_path), "DATABASE_URL": url}))
    assert not (tmp_path / "never.sqlite3").exists()
    assert not (tmp_path / "owners").exists()


def test_what_was_never_started_can_be_stopped(app: Flask) -> None:
    app.extensions["chatapp"].drain()
    app.extensions["chatapp"].stop()


def test_it_can_be_started_and_stopped_twice(app: Flask) -> None:
    parts = app.extensions["chatapp"]
    parts.start()
    parts.start()
    assert app.test_client().get("/api/ready").status_code == 200
    parts.stop()
    parts.stop()


def test_two_applications_share_nothing_but_the_database(settings: Settings) -> None:
    first, second = create_app(settings), create_app(settings)
    assert first.extensions["chatapp"] is not second.extensions["chatapp"]
    first.extensions["chatapp"].start()
    first.extensions["chatapp"].stop()
    assert second.test_client().get("/api/ready").status_code == 200
    second.extensions["chatapp"].stop()


def test_every_command_is_there(app: Flask) -> None:
    commands = app.cli.commands
    assert {"user", "token", "db", "simulator", "welcome"} <= set(commands)
    assert set(commands["user"].commands) == {"create", "disable", "enable", "password"}  # type: ignore[attr-defined]
    assert set(commands["token"].commands) == {"create"}  # type: ignore[attr-defined]
    assert set(commands["db"].commands) == {"upgrade"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("hops", "address"), [("0", "127.0.0.1"), ("1", "203.0.113.7")])
def test_only_proxies_that_are_trusted_are_believed(settings: Settings, hops: str, address: str) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": int(hops)}))
    seen: list[tuple[str | None, bool]] = []
    app.before_request_funcs[None].insert(0, lambda: seen.append(_who()))
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
    app.test_client().get("/api/health", headers=headers)
    assert seen == [(address, hops == "1")]


def _who() -> tuple[str | None, bool]:
    from flask import request

    return request.remote_addr, request.is_secure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("REDIS_URL", "redis://u:kept-quiet@h:99999999/0"),
        ("REDIS_URL", "redis://:kept-quiet@[h"),
        ("REDIS_URL", "redis://h?an_option_that_is_none=kept-quiet"),
        ("REDIS_URL", "rediss://h?ssl_cert_reqs=kept-quiet"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(name: str, value: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env={"CHATAPP_DATA": str(tmp_path), name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"chatapp cannot start: {name}: ")
    assert "kept-quiet" not in line
