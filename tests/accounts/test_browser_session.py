"""Sessions of browsers: rows behind an id that nobody guesses."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from chatapp.accounts.account import Account
from chatapp.accounts.browser_session import LIFETIME, BrowserSessions
from chatapp.store.account import BrowserSession, User
from chatapp.store.base import now
from chatapp.store.database import Database


def expire_in(database: Database, left: timedelta) -> None:
    with database.write() as connection:
        connection.execute(update(BrowserSession).values(expires_at=now() + left))


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(BrowserSession)) or 0


def test_an_id_leads_to_its_account_and_data(sessions: BrowserSessions, person: Account) -> None:
    found = sessions.find(sessions.create(person, {"a": [1, "ü"]}))
    assert found is not None
    assert (found.account, found.data) == (person, {"a": [1, "ü"]})


def test_every_id_is_new_and_long(sessions: BrowserSessions, person: Account) -> None:
    made = {sessions.create(person, {}) for _ in range(5)}
    assert len(made) == 5
    assert all(len(each) >= 43 for each in made)


def test_the_database_does_not_know_the_id(
    database: Database, sessions: BrowserSessions, person: Account
) -> None:
    session_id = sessions.create(person, {})
    with database.read() as connection:
        row = connection.execute(select(BrowserSession)).one()
    assert session_id not in (row.id_hash, str(row.data), row.user_id)
    assert sessions.find(row.id_hash) is None


def test_made_up_ids_lead_nowhere(sessions: BrowserSessions, person: Account) -> None:
    sessions.create(person, {})
    for made_up in ("", "x", "\0", "\ud800", "%", "' OR 1=1 --", "x" * 100_000):
        assert sessions.find(made_up) is None


def test_data_can_be_changed(sessions: BrowserSessions, person: Account) -> None:
    first, second = sessions.create(person, {"n": 1}), sessions.create(person, {"n": 2})
    sessions.update(first, {"n": 3})
    found = [sessions.find(each) for each in (first, second)]
    assert [each and each.data for each in found] == [{"n": 3}, {"n": 2}]


def test_an_ended_session_is_worthless_and_cannot_be_changed_back(
    database: Database, sessions: BrowserSessions, person: Account
) -> None:
    ended, kept = sessions.create(person, {}), sessions.create(person, {})
    sessions.end(ended)
    sessions.end(ended)
    sessions.update(ended, {"n": 1})
    assert sessions.find(ended) is None
    assert sessions.find(kept) is not None
    assert count(database) == 1


def test_a_session_has_a_time(database: Database, sessions: BrowserSessions, person: Account) -> None:
    session_id = sessions.create(person, {})
    with database.read() as connection:
        left = connection.scalars(select(BrowserSession.expires_at)).one() - now()
    assert LIFETIME - timedelta(minutes=5) < left <= LIFETIME
    expire_in(database, timedelta(seconds=-1))
    assert sessions.find(session_id) is None


def test_sessions_whose_time_is_over_go_with_the_next_sign_in(
    database: Database, sessions: BrowserSessions, person: Account
) -> None:
    sessions.create(person, {})
    expire_in(database, timedelta(seconds=-1))
    sessions.create(person, {})
    assert count(database) == 1


def test_a_disabled_user_s_session_leads_nowhere(
    database: Database, sessions: BrowserSessions, person: Account, other: Account
) -> None:
    mine, theirs = sessions.create(person, {}), sessions.create(other, {})
    with database.write() as connection:
        connection.execute(update(User).where(User.id == person.id).values(disabled_at=now()))
    assert sessions.find(mine) is None
    assert sessions.find(theirs) is not None
