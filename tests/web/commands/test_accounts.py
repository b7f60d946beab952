"""Commands for users and API tokens."""

from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, chunk, delta
from tests.web.conftest import PASSWORD, MakeApp, Person, last_reply, parts_of, signed_in
from tests.web.event_stream import LiveStream

OTHER = "another good password"


def run(app: Flask, *arguments: str, answers: str | None = None) -> Result:
    return app.test_cli_runner().invoke(args=arguments, input=answers)


def test_a_user_is_made_who_can_sign_in(app: Flask) -> None:
    done = run(app, "user", "create", "New@Example.org", "--password", PASSWORD)
    assert (done.exit_code, done.output) == (0, "user new@example.org made\n")
    account = parts_of(app).accounts.with_password("new@example.org", PASSWORD)
    assert account is not None
    assert not account.is_admin
    signed_in(app, Person(account, ""))


def test_an_administrator_is_made(app: Flask) -> None:
    assert run(app, "user", "create", "a@example.org", "--admin", "--password", PASSWORD).exit_code == 0
    account = parts_of(app).accounts.by_email("a@example.org")
    assert account is not None
    assert account.is_admin


def test_a_password_is_asked_for_twice_and_not_shown(app: Flask) -> None:
    done = run(app, "user", "create", "a@example.org", answers=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    assert parts_of(app).accounts.with_password("a@example.org", PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("user", "create", "READER@example.org", "--password", PASSWORD), "There is an account"),
        (("user", "create", "no-address", "--password", PASSWORD), "not an e-mail"),
        (("user", "create", "b@example.org", "--password", "short"), "8 to 1024"),
        (("user", "create", "\udcff@example.org", "--password", PASSWORD), "not an e-mail"),
        (("user", "password", "nobody@example.org", "--password", OTHER), "no user"),
        (("user", "password", "\udcff@example.org", "--password", OTHER), "no user"),
        (("user", "password", "reader@example.org", "--password", "short"), "8 to 1024"),
        (("user", "disable", "nobody@example.org"), "no user"),
        (("user", "enable", "\udcff@example.org"), "no user"),
        (("token", "create", "nobody@example.org"), "no user"),
        (("token", "create", "reader@example.org", "--days", "0"), "--days"),
        (("token", "create", "reader@example.org", "--name", "a\x1b[2Jb"), "characters that cannot be shown"),
    ],
)
def test_what_will_not_do_is_one_sentence(
    app: Flask, person: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(app, *arguments)
    assert done.exit_code != 0
    assert sentence in done.output
    assert "Traceback" not in done.output
    assert parts_of(app).accounts.with_password(person.email, PASSWORD) == person.account


def test_a_new_password_ends_sessions_and_tokens(
    app: Flask, person: Person, browser: FlaskClient, api: FlaskClient
) -> None:
    done = run(app, "user", "password", person.email, "--password", OTHER)
    assert (done.exit_code, done.output) == (0, f"password of {person.email} changed\n")
    assert browser.get("/api/v1/auth/ping").status_code == 401
    assert api.get("/api/v1/auth/ping").status_code == 401
    assert parts_of(app).accounts.with_password(person.email, OTHER)


def test_a_token_is_printed_alone_and_works(app: Flask, person: Person) -> None:
    done = run(app, "token", "create", person.email.upper(), "--days", "1")
    token = done.stdout.removesuffix("\n")
    assert (done.exit_code, token.count("."), token.split()) == (0, 2, [token])
    answered = app.test_client().get("/api/v1/auth/ping", headers={"Authorization": f"Bearer {token}"})
    assert answered.get_json()["user_id"] == person.id


def test_a_token_has_the_name_that_it_was_given(app: Flask, person: Person) -> None:
    for arguments in ((), ("--name", "the crontab of web1")):
        assert run(app, "token", "create", person.email, *arguments).exit_code == 0
    names = [row.name for row in parts_of(app).api_tokens.list(person.account, 2)]
    assert names == ["the crontab of web1", "from the command line"]


def test_no_command_touches_a_reply_that_a_server_is_writing(
    app: Flask, person: Person, api: FlaskClient, upstream: ScriptedUpstream, make_app: MakeApp
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    turn = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()
    LiveStream(api.get(turn["stream_url"], buffered=False)).read_until("one")
    commands = make_app(OPENAI_BASE_URL=upstream.base_url)
    for arguments in (
        ("db", "upgrade"),
        ("welcome",),
        ("user", "create", "b@example.org", "--password", PASSWORD),
        ("user", "password", "b@example.org", "--password", OTHER),
        ("token", "create", person.email),
    ):
        done = run(commands, *arguments)
        assert done.exit_code == 0, done.output
    assert last_reply(app).status == "streaming"
    assert parts_of(app).conversations.running_turn(person.id, turn["session_id"]) == turn["turn_id"]
    assert len(upstream.requests) == 1  # nor did any of them ask upstream for something


def test_a_disabled_user_is_out_with_whatever_they_hold(app: Flask, person: Person) -> None:
    browser, address = signed_in(app, person), "/api/v1/auth/ping"
    done = run(app, "user", "disable", " Reader@Example.org")
    assert (done.exit_code, done.output) == (0, "reader@example.org disabled\n")
    assert browser.get(address).status_code == 401
    assert app.test_client().get(address, headers=person.bearer).status_code == 401
    assert parts_of(app).accounts.with_password(person.email, PASSWORD) is None
    refused = run(app, "token", "create", person.email)
    assert (refused.exit_code, "they are disabled" in refused.output) == (1, True)

    assert run(app, "user", "enable", person.email).output == "reader@example.org enabled\n"
    assert browser.get(address).status_code == 200
    assert app.test_client().get(address, headers=person.bearer).status_code == 200
