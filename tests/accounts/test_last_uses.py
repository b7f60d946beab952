"""When API tokens were last used: to the minute, and in nobody's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from chatapp.accounts.account import Account
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.last_uses import RESOLUTION
from chatapp.store.account import ApiToken, User
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from tests.accounts.conftest import SECRET, whose
from tests.accounts.test_api_token_rows import change, count_of, fill
from tests.sqlite_lock import SqliteLock
from tests.turns.house import until


class CountedWrites(Database):
    """Counts the transactions that write."""

    writes = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.writes += 1
        with super().write() as connection:
            yield connection


@pytest.fixture
def counted(database_url: str) -> Iterator[CountedWrites]:
    """The same database, for who is looked at."""
    database = CountedWrites(database_url)
    yield database
    database.close()


@pytest.fixture
def issued(tokens: ApiTokens, person: Account) -> Any:
    return tokens.issue(person, "used")


def last_used(database: Database) -> datetime | None:
    with database.read() as connection:
        return connection.scalar(select(ApiToken.last_used_at))


def test_a_use_is_noted(database: Database, tokens: ApiTokens, person: Account, issued: Any) -> None:
    before = now()
    assert whose(tokens, issued.token) == person
    until(lambda: last_used(database))
    assert before <= (last_used(database) or before) <= now()


def test_a_use_is_noted_once_a_minute(
    database: Database, counted: CountedWrites, person: Account, issued: Any
) -> None:
    reading = ApiTokens(counted, SECRET)
    recent, old = now() - RESOLUTION + timedelta(seconds=30), now() - RESOLUTION
    change(database, issued.jti, last_used_at=recent)
    for _ in range(5):
        assert whose(reading, issued.token) == person
    reading.stop()
    assert (counted.writes, last_used(database)) == (0, recent)
    change(database, issued.jti, last_used_at=old)
    for _ in range(5):
        assert whose(reading, issued.token) == person
        reading.stop()
    assert counted.writes == 1
    assert last_used(database) != old


def test_of_processes_that_note_the_same_use_one_writes(
    database: Database, tokens: ApiTokens, person: Account, issued: Any
) -> None:
    """Each has read the row before the other wrote it."""
    second = ApiTokens(database, SECRET)
    noted: list[datetime | None] = []
    for each in (tokens, second):
        each._last_uses.note(issued.jti, None)
        each.stop()
        noted.append(last_used(database))
    assert noted[0] == noted[1] is not None


def test_many_uses_are_written_together(database: Database, counted: CountedWrites, person: Account) -> None:
    reading = ApiTokens(counted, SECRET)
    jtis = fill(database, person, 250)
    for jti in jtis * 2:
        reading._last_uses.note(jti, None)
    reading.stop()
    assert count_of(database, ApiToken.last_used_at.is_(None)) == 0
    assert counted.writes == 3


def test_a_use_that_cannot_be_noted_is_in_nobody_s_way(sqlite_url: str, password_hash: str) -> None:
    """Another process holds the lock; the token is read meanwhile, and its next use is noted."""
    database = Database(sqlite_url, lock_wait_s=0.1)
    account = Account(new_id(), "a@example.org", "a", "user")
    with database.write() as connection:
        values = {"id": account.id, "email": account.email, "name": "a", "role": "user"}
        connection.execute(insert(User).values(**values, password_hash=password_hash))
    tokens = ApiTokens(database, SECRET)
    token = tokens.issue(account, "used").token
    with SqliteLock(sqlite_url):
        for _ in range(3):
            assert whose(tokens, token) == account
        tokens.stop()
        assert last_used(database) is None
    assert whose(tokens, token) == account
    tokens.stop()
    assert last_used(database) is not None
    database.close()


def test_a_row_that_somebody_is_changing_is_not_waited_for(postgresql_url: str, password_hash: str) -> None:
    database = Database(postgresql_url, transaction_s=5)
    account = Account(new_id(), "a@example.org", "a", "user")
    with database.write() as connection:
        values = {"id": account.id, "email": account.email, "name": "a", "role": "user"}
        connection.execute(insert(User).values(**values, password_hash=password_hash))
    tokens = ApiTokens(database, SECRET)
    token = tokens.issue(account, "used").token
    with database.write() as connection:
        connection.execute(select(ApiToken.jti).with_for_update()).all()
        assert whose(tokens, token) == account
        writer = tokens._last_uses._writer
        assert writer is not None
        writer.join(timeout=20)
        assert writer.successful()
    assert last_used(database) is None
    database.close()
