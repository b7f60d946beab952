"""Accounts: made, found, and what a change of password ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from chatapp.accounts.account import (
    Account,
    Accounts,
    checked_email,
    checked_name,
    checked_password,
    is_text,
)
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.errors import Unauthorized, ValidationFailed
from chatapp.store.account import User
from chatapp.store.base import now
from chatapp.store.database import Database
from tests.accounts.conftest import PASSWORD, whose

OTHER = "another good password"


def test_a_new_account_is_found_by_everything_it_has(accounts: Accounts) -> None:
    made = accounts.create(" Reader@Example.org ", PASSWORD, name=" The\n Reader ")
    assert (made.email, made.name, made.role, made.is_admin) == (
        "reader@example.org",
        "The Reader",
        "user",
        False,
    )
    assert accounts.by_id(made.id) == accounts.by_email(" READER@example.org") == made
    assert accounts.with_password("Reader@EXAMPLE.org ", PASSWORD) == made


def test_an_administrator_is_one(accounts: Accounts) -> None:
    assert accounts.create("a@example.org", PASSWORD, admin=True).is_admin


def test_without_a_name_the_e_mail_is_shown(accounts: Accounts) -> None:
    assert accounts.create("a@example.org", PASSWORD).name == "a@example.org"


def test_whether_there_are_any(accounts: Accounts) -> None:
    assert not accounts.are_there_any()
    accounts.create("a@example.org", PASSWORD)
    assert accounts.are_there_any()


def test_an_e_mail_is_taken_once_however_it_is_written(accounts: Accounts, person: Account) -> None:
    for email in ("reader@example.org", " READER@Example.Org\t"):
        with pytest.raises(ValidationFailed, match="There is an account") as refused:
            accounts.create(email, OTHER)
        assert [each.field for each in refused.value.errors] == ["email"]
    assert accounts.with_password(person.email, PASSWORD) == person


def test_a_wrong_password_is_nobody_s(accounts: Accounts, person: Account) -> None:
    for password in ("", "wrong wrong", PASSWORD.upper(), PASSWORD + " ", "a\0b", "\ud800", "x" * 10_000):
        assert accounts.with_password(person.email, password) is None


def test_an_unknown_e_mail_is_nobody_s(accounts: Accounts, person: Account) -> None:
    for email in ("", "nobody@example.org", "a\0b@example.org", "\ud800", "x" * 10_000):
        assert accounts.with_password(email, PASSWORD) is None
        assert accounts.by_email(email) is None
        assert accounts.by_id(email) is None


def test_a_disabled_user_is_nobody(database: Database, accounts: Accounts, person: Account) -> None:
    with database.write() as connection:
        connection.execute(update(User).values(disabled_at=now()))
    assert accounts.by_id(person.id) is accounts.by_email(person.email) is None
    assert accounts.with_password(person.email, PASSWORD) is None
    with pytest.raises(ValidationFailed):
        accounts.create(person.email, PASSWORD)


def test_a_changed_password_is_the_only_one(accounts: Accounts, person: Account) -> None:
    accounts.change_password(person, PASSWORD, OTHER)
    assert accounts.with_password(person.email, PASSWORD) is None
    assert accounts.with_password(person.email, OTHER) == person


def test_a_change_needs_the_old_password(accounts: Accounts, person: Account) -> None:
    with pytest.raises(Unauthorized, match="current password"):
        accounts.change_password(person, OTHER, "a third good password")
    assert accounts.with_password(person.email, PASSWORD) == person


def test_a_change_to_a_password_that_will_not_do_changes_nothing(
    accounts: Accounts, sessions: BrowserSessions, person: Account
) -> None:
    session_id = sessions.create(person, {})
    with pytest.raises(ValidationFailed):
        accounts.change_password(person, PASSWORD, "short")
    assert accounts.with_password(person.email, PASSWORD) == person
    assert sessions.find(session_id) is not None


def test_a_change_ends_every_session_and_token_of_that_person_alone(
    accounts: Accounts, sessions: BrowserSessions, tokens: ApiTokens, person: Account, other: Account
) -> None:
    kept = sessions.create(other, {}), tokens.issue(other, "kept").token
    ended = [sessions.create(person, {}) for _ in range(2)], tokens.issue(person, "ended").token
    changed = accounts.set_password(person, OTHER)
    assert [sessions.find(each) for each in ended[0]] == [None, None]
    assert whose(tokens, ended[1]) is None
    assert sessions.find(kept[0]) is not None
    assert whose(tokens, kept[1]) == other
    assert whose(tokens, tokens.issue(changed, "new").token) == person


def test_a_sign_in_in_flight_does_not_survive_a_change_of_password(
    accounts: Accounts, sessions: BrowserSessions, tokens: ApiTokens, person: Account
) -> None:
    """The old password was right when it was looked at; what it opens is given out later."""
    looked_up = accounts.with_password(person.email, PASSWORD)
    assert looked_up is not None
    accounts.set_password(person, OTHER)
    with pytest.raises(Unauthorized):
        tokens.issue(looked_up, "late")
    with pytest.raises(Unauthorized):
        sessions.create(looked_up, {})


@pytest.mark.parametrize("email", ["a@b", "a" * 246 + "@b.co.uk", "ä@ö.example", "a+b@c-d.example"])
def test_e_mails_that_will_do(email: str) -> None:
    assert checked_email(f" {email.upper()} ") == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b c",
        "a\n@b",
        "a\0@b",
        "a@\ud800",
        "a" * 253 + "@b",
        "a@b\x7f",
    ],
)
def test_e_mails_that_will_not(email: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        checked_email(email)
    assert [each.field for each in refused.value.errors] == ["email"]


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "🤖" * 8, " " * 8])
def test_passwords_that_will_do(password: str) -> None:
    assert checked_password(password) == password


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 1025, "x" * 8 + "\0", "x" * 8 + "\ud800"])
def test_passwords_that_will_not(password: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        checked_password(password)
    assert [each.field for each in refused.value.errors] == ["password"]


def test_a_long_name_is_cut_and_a_broken_one_refused() -> None:
    assert checked_name("x" * 200) == "x" * 128
    for name in ("a\0", "\udfff"):
        with pytest.raises(ValidationFailed):
            checked_name(name)


@given(st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_text_is_what_utf_8_can_write_without_nul(value: str) -> None:
    try:
        encoded: bytes | None = value.encode()
    except UnicodeEncodeError:
        encoded = None
    assert is_text(value) is (encoded is not None and b"\0" not in encoded)
