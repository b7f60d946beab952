"""What a user looks at is found by an index, however much of it there is: nothing is scanned, nothing sorted."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import Connection, insert

from chatapp.accounts.account import Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.errors import NotFound
from chatapp.store.base import now
from chatapp.store.conversation import Conversation
from chatapp.store.database import Database
from chatapp.turns.continued import new_session_id
from chatapp.turns.conversations import Conversations, Place
from tests.statements import Statement, statements

NAME = new_session_id()
ID = "0" * 32
Look = Callable[[Database, str], object]


def plan(connection: Connection, statement: Statement) -> str:
    """How the database finds what is asked for, when it would do anything rather than scan or sort."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1])
        return "\n".join(row.detail for row in found)
    for setting in ("enable_seqscan", "enable_sort", "enable_hashjoin", "enable_mergejoin"):
        connection.exec_driver_sql(f"SET LOCAL {setting} = off")
    found = connection.exec_driver_sql(f"EXPLAIN {statement[0]}", statement[1])
    return "\n".join(row[0] for row in found)


def look_at_token(database: Database) -> None:
    account, tokens = Accounts(database).by_email("a@example.org"), ApiTokens(database, "s" * 32)
    assert account is not None
    tokens.read(tokens.issue(account, "a token").token)
    tokens.stop()


PLACE = Place(now(), NAME)
LOOKS: dict[str, Look] = {
    "first page": lambda database, me: Conversations(database).list(me, 11),
    "later page": lambda database, me: Conversations(database).list(me, 11, PLACE),
    "one": lambda database, me: Conversations(database).get(me, NAME),
    "messages": lambda database, me: Conversations(database).messages(me, NAME, 11, ID),
    "latest messages": lambda database, me: Conversations(database).latest_messages(me, NAME, 11, ID),
    "running turn": lambda database, me: Conversations(database).running_turn(me, NAME),
    "turn": lambda database, me: look_at_turn(database, me),
    "tries of a turn": lambda database, me: Conversations(database).tries_of_turn(me, ID),
    "tries of a generation": lambda database, me: Conversations(database).tries_of_generation(me, ID),
    "tries of a question": lambda database, me: look(database, TRIES, {"question_id": ID}),
    "voice of a generation": lambda database, me: look(database, BY_ID, {"user_id": me, "generation_id": ID}),
    "voice by its name": lambda database, me: look(
        database, BY_NAME, {"user_id": me, "session_id": NAME, "voice": "seeker"}
    ),
    "newest question": lambda database, me: look_at_newest(database),
    "generation": lambda database, me: Conversations(database).generation(me, ID),
    "API token": lambda database, _me: look_at_token(database),
    "browser session": lambda database, me: BrowserSessions(database).find("unknown"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_looked_at_is_found_by_an_index(database: Database, look: str) -> None:
    account = Accounts(database).create("a@example.org", "long enough")
    with database.write() as connection:
        made = {"session_id": NAME, "user_id": account.id, "title": "Mine", "voices": ["seeker"]}
        connection.execute(insert(Conversation), made)
    with statements() as asked, suppress(NotFound):
        LOOKS[look](database, account.id)

    selects = [each for each in asked if each[0].startswith("SELECT")]
    assert selects
    with database.engine.connect() as connection:
        plans = [plan(connection, each) for each in selects]
    for told in plans:
        assert re.search(r"INDEX|Index", told), told
        assert not re.search(r"\bSCAN\b|TEMP B-TREE|Seq Scan|Sort", told), told
