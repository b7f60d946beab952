"""What a user looks at is found by an index, however much of it there is: nothing is scanned, nothing sorted."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import Connection, Executable, insert

from chatapp.accounts.account import Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.errors import NotFound
from chatapp.store.base import Base, now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.turns.continued import new_session_id
from chatapp.turns.conversations import Conversations, Place
from chatapp.turns.followed_voice import BY_ID, BY_NAME
from chatapp.turns.history import exchanges
from tests.statements import Statement, statements

NAME = new_session_id()
ID, QUESTION_ID = "1" * 32, "0" * 32
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


def history(database: Database) -> None:
    with database.read() as connection:
        assert exchanges(connection, ID, 40)


def found(database: Database, query: Executable, **wanted: str) -> None:
    with database.read() as connection:
        connection.execute(query, wanted).one()


PLACE = Place(now(), NAME)
LOOKS: dict[str, Look] = {
    "first page": lambda database, me: Conversations(database).list(me, 11),
    "later page": lambda database, me: Conversations(database).list(me, 11, PLACE),
    "one": lambda database, me: Conversations(database).get(me, NAME),
    "messages": lambda database, me: Conversations(database).messages(me, NAME, 11, ID),
    "latest messages": lambda database, me: Conversations(database).latest_messages(me, NAME, 11, ID),
    "running turn": lambda database, me: Conversations(database).running_turn(me, NAME),
    "turn": lambda database, me: Conversations(database).turn(me, ID),
    "tries of a turn": lambda database, me: Conversations(database).tries_of_turn(me, ID),
    "tries of a generation": lambda database, me: Conversations(database).tries_of_generation(me, ID),
    "choice": lambda database, me: Conversations(database).change(me, NAME, {"goes_on_from": ID}),
    "history": lambda database, _me: history(database),
    "voice of a generation": lambda database, me: found(database, BY_ID, user_id=me, generation_id=ID),
    "voice by its name": lambda database, me: found(
        database, BY_NAME, user_id=me, session_id=NAME, voice="seeker"
    ),
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
        for model, row in rows_of_a_turn(account.id):
            connection.execute(insert(model), row)
    with statements() as asked, suppress(NotFound):
        LOOKS[look](database, account.id)

    selects = [each for each in asked if each[0].startswith(("SELECT", "WITH"))]
    assert selects
    with database.engine.connect() as connection:
        plans = [plan(connection, each) for each in selects]
    for told in plans:
        assert re.search(r"INDEX|Index", told), told
        # The way back through a conversation is a table made on the way, and as long as what is asked for.
        rest = re.sub(r"SCAN branch|CTE Scan on branch", "", told)
        assert not re.search(r"\bSCAN\b|TEMP B-TREE|Seq Scan|Sort", rest), told


def rows_of_a_turn(user_id: str) -> list[tuple[type[Base], dict[str, str]]]:
    place = {"session_id": NAME, "turn_id": ID}
    turn = {
        "id": ID,
        "session_id": NAME,
        "user_id": user_id,
        "status": "ended",
        "log_id": "x",
        "owner_id": ID,
    }
    voice = {"voice": "seeker", "voice_name": "Seeker", "voice_colour": "#2f6f8f", "model": "m"}
    reply = {"id": ID, "parent_id": QUESTION_ID, "generation_id": ID, "role": "assistant", "content": "Hello"}
    return [
        (Turn, turn | {"content_digest": "0" * 64, "request_id": "req_12345678"}),
        (Generation, voice | {"id": ID, "turn_id": ID, "status": "complete"}),
        (Message, place | {"id": QUESTION_ID, "role": "user", "content": "Hi"}),
        (Message, place | reply),
    ]
