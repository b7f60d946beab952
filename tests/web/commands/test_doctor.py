"""What is wrong, said by commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from chatapp.store.migration import upgrade
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, chunk, delta, refuse, respond
from tests.server import ROOT, free_port
from tests.valkey import RunningValkey
from tests.web.conftest import MakeApp, last_reply, parts_of
from tests.web.event_stream import LiveStream

KEY = "sk-this-is-the-key-of-the-test"
SECRET = "s" * 40


def run(app: Flask, *arguments: str) -> Result:
    done = app.test_cli_runner().invoke(args=["doctor", *arguments])
    assert "Traceback" not in done.output
    assert KEY not in done.output
    return done


def test_an_installation_that_is_well(make_app: MakeApp) -> None:
    done = run(make_app())
    assert done.exit_code == 0, done.output
    assert "✓ database: SQLite 3" in done.output
    assert "✓ upstream: simulated" in done.output
    assert "gevent 2" in done.output
    assert "Redis" not in done.output
    assert done.output.endswith("All is well.\n")


def test_on_postgresql_and_with_redis(make_app: MakeApp, postgresql_url: str, redis_url: str) -> None:
    done = run(make_app(DATABASE_URL=postgresql_url, REDIS_URL=redis_url))
    assert done.exit_code == 0, done.output
    assert "✓ database: PostgreSQL 1" in done.output
    assert "✓ Redis: answers, version " in done.output


def test_tables_that_are_not_there(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    done = run(app)
    assert done.exit_code == 1
    assert "its tables are not up to date" in done.output
    assert "flask --app wsgi db upgrade" in done.output
    upgrade(parts_of(app).database)
    assert run(app).exit_code == 0


def test_a_database_that_is_not_there(make_app: MakeApp, tmp_path: Path) -> None:
    done = run(make_app(DATABASE_URL=f"postgresql+psycopg://me:{KEY}@127.0.0.1:{free_port()}/none"))
    assert done.exit_code == 1
    assert "✗ database: The database cannot be reached right now." in done.output


def test_redis_that_is_not_there(make_app: MakeApp) -> None:
    done = run(make_app(REDIS_URL=f"redis://:{KEY}@127.0.0.1:{free_port()}"))
    assert done.exit_code == 1
    assert "✗ Redis: cannot be reached" in done.output


def test_upstream_that_lists_its_models(make_app: MakeApp) -> None:
    with ScriptedUpstream(respond(200, {"data": [{"id": "a"}, {"id": "b"}]})) as upstream:
        done = run(make_app(OPENAI_BASE_URL=upstream.base_url, OPENAI_API_KEY=KEY))
    assert done.exit_code == 0
    assert f"✓ upstream: {upstream.base_url} lists 2 models" in done.output


@pytest.mark.parametrize("command", [(), ("key",)])
def test_what_stands_around_the_address_of_upstream_is_not_shown(
    command: tuple[str, ...], make_app: MakeApp
) -> None:
    with ScriptedUpstream(*[refuse(401, "no such key")] * 4) as upstream:
        address = upstream.base_url.replace("://", f"://me:{KEY}@")
        done = run(make_app(OPENAI_BASE_URL=f"{address}?api_key={KEY}", OPENAI_API_KEY=KEY), *command)
    assert done.exit_code == 1
    assert upstream.base_url in done.output


def test_upstream_that_refuses_the_key(make_app: MakeApp) -> None:
    with ScriptedUpstream(refuse(401, f"no such key: {KEY}")) as upstream:
        done = run(make_app(OPENAI_BASE_URL=upstream.base_url, OPENAI_API_KEY=KEY))
    assert done.exit_code == 1
    assert "lists no models (UPSTREAM_AUTH)" in done.output


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"CHATAPP_FAULTS": "1"}, "✗ CHATAPP_FAULTS=1 in production"),
        ({"OPENAI_SSE_HEARTBEAT_MS": "45000"}, "✗ OPENAI_SSE_HEARTBEAT_MS is over 30000"),
        ({}, "– CHATAPP_TRUSTED_PROXIES is 0"),
    ],
)
def test_settings_that_are_hardly_meant(make_app: MakeApp, variables: dict[str, str], sentence: str) -> None:
    app = make_app(CHATAPP_ENV="production", SECRET_KEY=SECRET, JWT_SECRET=SECRET, **variables)
    done = run(app)
    assert sentence in done.output
    assert done.exit_code == (1 if sentence.startswith("✗") else 0)
    assert SECRET not in done.output


def test_settings_that_are_wrong_are_one_line_and_status_1(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "doctor"],
        cwd=ROOT,
        env={"CHATAPP_DATA": str(tmp_path), "PORT": "none", "FLASK_SKIP_DOTENV": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("chatapp cannot start: PORT: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_key_of_a_simulated_model(make_app: MakeApp) -> None:
    done = run(make_app(), "key")
    assert done.exit_code == 0, done.output
    assert "the simulated model" in done.output
    assert "✓ the list of models: 4 are listed" in done.output
    assert "Realtime" not in done.output


def test_the_key_of_a_simulated_model_that_fails(make_app: MakeApp) -> None:
    done = run(make_app(), "key", "--scenario", "auth")
    assert done.exit_code == 1
    assert "✗ an answer of gpt-6-luna: the key is not known there (401)" in done.output
    assert "→ It is mistyped, revoked" in done.output


def test_a_key_that_is_refused(make_app: MakeApp) -> None:
    with ScriptedUpstream(refuse(403, f"{KEY} may not.")) as upstream:
        done = run(make_app(OPENAI_BASE_URL=upstream.base_url, OPENAI_API_KEY=KEY), "key")
    assert done.exit_code == 1
    assert done.output.count("the key is known, and may not do this (403)") == 4


def test_the_stream_tester_takes_its_options_from_the_command(make_app: MakeApp) -> None:
    app = make_app()
    done = run(app, "stream", f"http://127.0.0.1:{free_port()}", "--token", KEY, "--patience", "3")
    assert done.exit_code == 2
    assert "✗ no connection to http://127.0.0.1" in done.output
    done = run(app, "stream", "--help")
    assert done.exit_code == 0
    assert "--cafile" in done.output
    assert run(app, "stream").exit_code == 2


def test_the_file_runs_without_chatapp(make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "stream-doctor.pyz"
    assert run(make_app(), "file", str(path)).output == f"python3 {path} URL --token TOKEN\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(path), "--help"],
        cwd="/",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    refused = run(make_app(), "file", str(tmp_path / "no" / "such" / "folder"))
    assert refused.exit_code == 1
    assert "No such file or directory" in refused.output


def test_no_command_of_the_doctor_touches_a_reply_that_a_server_is_writing(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, make_app: MakeApp
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    turn = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()
    LiveStream(api.get(turn["stream_url"], buffered=False)).read_until("one")
    commands = make_app()
    assert run(commands).exit_code == 0
    assert run(commands, "key").exit_code == 0
    assert last_reply(app).status == "streaming"


def test_redis_holds_nothing_of_the_doctor(make_app: MakeApp, shared_valkey: RunningValkey) -> None:
    shared_valkey.flush()
    assert run(make_app(REDIS_URL=shared_valkey.url)).exit_code == 0
    assert shared_valkey.redis.keys("*") == []
