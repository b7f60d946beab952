"""API tokens as rows: listed, revoked with what they have made, bounded in number, shown once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import delete, func, insert, select, update

from chatapp.accounts.account import Account, Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.api_token_name import FROM_PASSWORD
from chatapp.accounts.api_token_rows import MOST, TooManyApiTokens
from chatapp.accounts.claims import ApiTokenRefused
from chatapp.accounts.issuer import Issuer
from chatapp.errors import NotFound, Unauthorized, ValidationFailed
from chatapp.store.account import ApiToken
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from tests.accounts.conftest import whose
from tests.accounts.jwt_by_hand import claims_of, signed
from tests.turns.house import until

SESSION = Issuer(session_hash="a" * 64)


def names(tokens: ApiTokens, account: Account, limit: int = 100, before: str | None = None) -> list[str]:
    return [row.name for row in tokens.list(account, limit, before)]


def change(database: Database, jti: str, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(ApiToken).where(ApiToken.jti == jti).values(**values))


def fill(database: Database, account: Account, count: int, name: str = "old", **values: object) -> list[str]:
    """The keys of so many further tokens, as rows alone."""
    moment = now()
    made: list[dict[str, Any]] = [
        {
            "jti": new_id(),
            "user_id": account.id,
            "name": name,
            "created_at": moment + timedelta(milliseconds=n),
            "expires_at": moment + timedelta(days=1),
            **values,
        }
        for n in range(count)
    ]
    with database.write() as connection:
        connection.execute(insert(ApiToken), made)
    return [row["jti"] for row in made]


def count_of(database: Database, *where: Any) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(ApiToken).where(*where)) or 0


def reason(tokens: ApiTokens, token: str) -> tuple[str, str | None]:
    with pytest.raises(ApiTokenRefused) as caught:
        tokens.read(token)
    return caught.value.reason, caught.value.user_id


# Listed


def test_the_living_are_listed_newest_first(
    database: Database, tokens: ApiTokens, person: Account, other: Account
) -> None:
    made = [tokens.issue(person, name) for name in ("first", "second", "third", "over", "revoked")]
    tokens.issue(other, "somebody else's")
    change(database, made[3].jti, expires_at=now())
    tokens.revoke(person, made[4].jti)
    assert names(tokens, person) == ["third", "second", "first"]
    assert names(tokens, person, 2) == ["third", "second"]
    assert names(tokens, person, 2, made[1].jti) == ["first"]
    row = tokens.list(person, 1)[0]
    assert (row.jti, row.created_at, row.expires_at) == (
        made[2].jti,
        made[2].created_at,
        made[2].expires_at,
    )
    assert row.last_used_at is None


def test_a_name_that_will_not_do_makes_nothing(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    for name in ("", "a\x1b[31m", "x" * 129):
        with pytest.raises(ValidationFailed):
            tokens.issue(person, name)
    assert count_of(database) == 0


# Revoked


def test_a_revoked_token_is_worthless_at_once(tokens: ApiTokens, person: Account) -> None:
    revoked, kept = tokens.issue(person, "revoked"), tokens.issue(person, "kept")
    assert whose(tokens, revoked.token) == person
    for _ in range(2):  # a second time changes nothing
        tokens.revoke(person, revoked.jti)
        assert reason(tokens, revoked.token) == ("revoked", person.id)
    assert whose(tokens, kept.token) == person


def test_what_is_not_there_is_not_revoked(tokens: ApiTokens, person: Account) -> None:
    for jti in ("0" * 32, "", "x", "a\0b", "\ud800", "x" * 10_000):
        with pytest.raises(NotFound):
            tokens.revoke(person, jti)


def test_nobody_revokes_somebody_else_s(tokens: ApiTokens, person: Account, other: Account) -> None:
    issued = tokens.issue(person, "mine")
    with pytest.raises(NotFound):
        tokens.revoke(other, issued.jti)
    assert whose(tokens, issued.token) == person


# Made by another token


def made_by(tokens: ApiTokens, account: Account, token: str, **options: Any) -> Any:
    return tokens.issue(account, "made", by=tokens.read(token).issuer, **options)


def test_a_token_ends_with_the_one_that_made_it(tokens: ApiTokens, person: Account) -> None:
    first = tokens.issue(person, "first")
    second = made_by(tokens, person, first.token)
    third = made_by(tokens, person, second.token)
    sibling = made_by(tokens, person, first.token)
    tokens.revoke(person, second.jti)
    assert [whose(tokens, each.token) for each in (first, second, third, sibling)] == [
        person,
        None,
        None,
        person,
    ]
    tokens.revoke(person, first.jti)
    assert whose(tokens, sibling.token) is None
    assert names(tokens, person) == []


def test_a_token_ends_no_later_than_the_one_that_made_it(tokens: ApiTokens, person: Account) -> None:
    first = tokens.issue(person, "first", timedelta(days=2))
    end = tokens.read(first.token).issuer.expires_at
    assert made_by(tokens, person, first.token, lifetime=timedelta(days=3650)).expires_at == end
    assert made_by(tokens, person, first.token, lifetime=timedelta(days=1)).expires_at < end


def test_a_token_that_was_minted_elsewhere_bounds_what_it_makes(tokens: ApiTokens, person: Account) -> None:
    end = int(time.time()) + 3600
    made = made_by(tokens, person, signed(claims_of(person, exp=end)))
    assert made.expires_at.timestamp() == end
    assert 3590 < made.expires_in_s <= 3600
    assert whose(tokens, made.token) == person


def test_a_token_that_ends_this_second_makes_none_that_is_over(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    """The end of one that was minted elsewhere may be a fraction; what it makes ends with a whole second."""
    with pytest.raises(Unauthorized):
        tokens.issue(person, "late", by=Issuer(expires_at=now()))
    assert count_of(database) == 0


@pytest.mark.parametrize("end", ["revoked", "over", "removed"])
def test_a_token_that_ends_meanwhile_makes_nothing(
    database: Database, tokens: ApiTokens, person: Account, end: str
) -> None:
    first = tokens.issue(person, "first")
    issuer = tokens.read(first.token).issuer
    if end == "revoked":
        tokens.revoke(person, first.jti)
    elif end == "over":
        change(database, first.jti, expires_at=now())
    else:
        with database.write() as connection:
            connection.execute(delete(ApiToken))
    before = count_of(database)
    with pytest.raises(Unauthorized):
        tokens.issue(person, "second", by=issuer)
    assert count_of(database) == before


def test_a_change_of_password_meanwhile_makes_nothing(
    database: Database, accounts: Accounts, tokens: ApiTokens, person: Account
) -> None:
    """Whoever comes second sees what the first has done."""
    accounts.set_password(person, "another good password")
    for issue in (
        lambda: tokens.issue(person, "late"),
        lambda: tokens.issue_for_password(person),
        lambda: tokens.issue_unseen(person, "late", timedelta(days=1), by=SESSION, form="f"),
        lambda: tokens.revoke(person, "0" * 32),
    ):
        with pytest.raises(Unauthorized):
            issue()
    assert count_of(database) == 0


def test_tokens_made_while_the_password_changes_are_ended(
    database: Database, accounts: Accounts, tokens: ApiTokens, person: Account
) -> None:
    made: list[str] = []
    stopped = False

    def make() -> None:
        while not stopped:
            try:
                made.append(tokens.issue(person, "racing").token)
            except (Unauthorized, TooManyApiTokens):
                return
            gevent.sleep(0)

    racing = [gevent.spawn(make) for _ in range(4)]
    until(lambda: len(made) >= 8)
    accounts.set_password(person, "another good password")
    stopped = True
    gevent.joinall(racing, timeout=20, raise_error=True)
    assert {whose(tokens, token) for token in made} == {None}


# Bounded


def test_there_is_a_most(database: Database, tokens: ApiTokens, person: Account, other: Account) -> None:
    jtis = fill(database, person, MOST - 1)
    tokens.issue(person, "the last")
    with pytest.raises(TooManyApiTokens):
        tokens.issue(person, "one more")
    tokens.issue(other, "somebody else's")
    tokens.revoke(person, jtis[0])
    tokens.issue(person, "one more")


def test_a_password_always_gives_a_token(database: Database, tokens: ApiTokens, person: Account) -> None:
    """The one that was not used for longest ends for it, whatever else there is."""
    fill(database, person, MOST)
    jtis = fill(database, person, MOST, FROM_PASSWORD)
    change(database, jtis[0], last_used_at=now() + timedelta(seconds=10))
    issued = tokens.issue_for_password(person)
    assert issued.name == FROM_PASSWORD
    assert whose(tokens, issued.token) == person
    with database.read() as connection:
        revoked = connection.scalars(select(ApiToken.jti).where(ApiToken.revoked_at.is_not(None))).all()
    assert revoked == [jtis[1]]
    with pytest.raises(TooManyApiTokens):
        tokens.issue(person, FROM_PASSWORD)


def test_ended_tokens_do_not_pile_up(
    database: Database, tokens: ApiTokens, person: Account, other: Account
) -> None:
    fill(database, person, 150, revoked_at=now())
    over = fill(database, person, 100, expires_at=now())
    fill(database, other, 3, revoked_at=now())
    living = tokens.issue(person, "living")
    assert count_of(database, ApiToken.user_id == person.id) == 101
    assert count_of(database, ApiToken.user_id == other.id) == 3
    tokens.revoke(person, over[-1])
    with pytest.raises(NotFound):
        tokens.revoke(person, over[0][:-1] + "x")
    assert whose(tokens, living.token) == person


def test_a_token_whose_row_was_forgotten_stays_revoked(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    revoked = tokens.issue(person, "revoked")
    tokens.revoke(person, revoked.jti)
    fill(database, person, 150, revoked_at=now())
    tokens.issue(person, "another")
    assert count_of(database, ApiToken.jti == revoked.jti) == 0
    assert reason(tokens, revoked.token) == ("not listed", person.id)


# Shown once


def unseen(tokens: ApiTokens, account: Account, form: str = "form", by: Issuer = SESSION) -> None:
    tokens.issue_unseen(account, "shown", timedelta(days=1), by=by, form=form)


def test_what_a_form_has_made_is_shown_once(database: Database, tokens: ApiTokens, person: Account) -> None:
    unseen(tokens, person)
    shown = tokens.show(person, SESSION, "form")
    assert shown is not None
    assert (shown.name, whose(tokens, shown.token)) == ("shown", person)
    assert tokens.show(person, SESSION, "form") is None
    assert count_of(database, ApiToken.unseen_hash.is_not(None)) == 0


def test_a_form_that_is_sent_twice_makes_one(database: Database, tokens: ApiTokens, person: Account) -> None:
    for form in ("form", "form", "another"):
        unseen(tokens, person, form)
    assert count_of(database) == 2


def test_of_forms_sent_at_once_one_makes_a_token(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    gevent.joinall([gevent.spawn(unseen, tokens, person) for _ in range(8)], raise_error=True)
    assert count_of(database) == 1
    asked = [gevent.spawn(tokens.show, person, SESSION, "form") for _ in range(8)]
    gevent.joinall(asked, raise_error=True)
    assert len([each for each in asked if each.value]) == 1


def test_no_other_session_is_shown_it(tokens: ApiTokens, person: Account, other: Account) -> None:
    unseen(tokens, person)
    assert tokens.show(person, Issuer(session_hash="b" * 64), "form") is None
    assert tokens.show(person, Issuer(jti="a" * 64), "form") is None
    assert tokens.show(other, SESSION, "form") is None
    assert tokens.show(person, SESSION, "another") is None
    assert tokens.show(person, SESSION, "form")


@pytest.mark.parametrize("values", [{"created_at": now() - timedelta(hours=1)}, {"revoked_at": now()}])
def test_it_is_shown_soon_or_never(
    database: Database, tokens: ApiTokens, person: Account, values: dict[str, datetime]
) -> None:
    unseen(tokens, person)
    with database.write() as connection:
        connection.execute(update(ApiToken).values(**values))
    assert tokens.show(person, SESSION, "form") is None
