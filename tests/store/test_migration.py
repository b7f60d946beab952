"""Migrations on databases with rows in them: nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from alembic import command
from sqlalchemy import Connection, Table, insert, select, table, text
from sqlalchemy.sql.expression import TableClause, column

from chatapp.store.account import ApiToken, User
from chatapp.store.base import Base, now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.store.migration import _config, is_current, upgrade
from chatapp.turns.built_in_voices import ANALYZER, BUILT_IN, SEEKER
from chatapp.turns.history import exchanges, seen_by
from chatapp.turns.newest_question import newest_question
from chatapp.turns.voice import History
from chatapp.turns.voices import Voices
from tests.postgresql_server import PostgresqlServer

NEW_WITH_VOICES = {"voice_name", "voice_colour", "is_merge", "goes_on_from"}
OLD_TOKENS = ("jti", "user_id", "name", "created_at", "expires_at", "revoked_at")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: object) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.sqlite3"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.make_database(f"empty_{new_id()}")


def upgrade_to(database: Database, revision: str) -> None:
    config = _config()
    with database.upgrade() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def add_old(connection: Connection, model: type[Base], row: Mapping[str, object]) -> None:
    """Adds a row as the version before there were voices does."""
    known = [each for each in model.__table__.c if each.name not in NEW_WITH_VOICES]
    old = table(model.__tablename__, *(column(each.name, each.type) for each in known))
    connection.execute(insert(old).values(row))


def test_what_was_said_before_there_were_voices_is_history(empty_url: str) -> None:
    database = Database(empty_url)
    upgrade_to(database, "0005")
    user_id, name, moment = new_id(), "session-20250819-143022-a1b2", now()
    person = {"id": user_id, "email": "a@example.org", "name": "a", "role": "user", "password_hash": "x"}
    said: dict[str, object] = {"session_id": name, "created_at": moment, "citations": []}
    last = None
    with database.write() as connection:
        connection.execute(insert(User).values(**person, created_at=moment))
        talk = {"session_id": name, "user_id": user_id, "title": "q", "pinned": False, "archived": False}
        add_old(
            connection,
            Conversation,
            talk | {"voices": ["seeker"], "created_at": moment, "updated_at": moment},
        )
        for number in (1, 2):
            turn_id, question_id, generation_id, reply_id = (new_id() for _ in range(4))
            turn: dict[str, object] = {
                "id": turn_id,
                "session_id": name,
                "user_id": user_id,
                "status": "ended",
                "log_id": turn_id,
                "content_digest": "x",
                "request_id": "req_12345678",
                "owner_id": "x",
                "created_at": moment,
            }
            add_old(connection, Turn, turn)
            ended = {"voice": "seeker", "model": "m", "status": "complete", "provider_retry_count": 0}
            add_old(connection, Generation, ended | {"id": generation_id, "turn_id": turn_id})
            said |= {"turn_id": turn_id}
            asked = {"id": question_id, "parent_id": last, "role": "user", "content": f"q{number}"}
            reply = {"id": reply_id, "parent_id": question_id, "role": "assistant", "content": f"a{number}"}
            add_old(connection, Message, said | asked)
            add_old(connection, Message, said | reply | {"generation_id": generation_id})
            last = reply_id
    upgrade(database)
    with database.read() as connection:
        newest = newest_question(connection, name)
        assert newest is not None
        assert newest.goes_on_from(None) == last
        told = exchanges(connection, last, 10)
    chain = [("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")]
    for history in (History.OWN, History.BRANCH, History.ALL):
        seen = seen_by(replace(SEEKER, history=history), told, 10)
        assert [(each["role"], each["content"]) for each in seen] == chain
    seen = seen_by(replace(ANALYZER, history=History.ALL), told, 1)
    assert [each["content"] for each in seen] == ["Seeker answered:\n\na2"]
    database.close()


def test_api_tokens_are_kept(empty_url: str) -> None:
    database = Database(empty_url)
    upgrade_to(database, "0004")
    user_id, jti, moment = new_id(), new_id(), now()
    old = table("api_tokens", *(column(name, ApiToken.__table__.c[name].type) for name in OLD_TOKENS))
    person = {"id": user_id, "email": "a@example.org", "name": "a", "role": "user", "password_hash": "x"}
    token = {"jti": jti, "user_id": user_id, "name": "old", "created_at": moment}
    token |= {"expires_at": moment + timedelta(days=1)}
    with database.write() as connection:
        connection.execute(insert(User).values(**person, created_at=moment))
        connection.execute(insert(old).values(token))
    upgrade(database)
    assert is_current(database)
    with database.write() as connection:  # as the version before does, which still serves
        connection.execute(insert(old).values({**token, "jti": new_id()}))
    with database.read() as connection:
        rows = connection.execute(select(ApiToken).order_by(ApiToken.jti)).all()
        assert connection.scalar(text("SELECT count(*) FROM users")) == 1
    assert [(row.name, row.last_used_at, row.made_by, row.unseen_hash) for row in rows] == [
        ("old", None, None, None)
    ] * 2
    assert (rows[0].jti, rows[0].expires_at) == (jti, token["expires_at"])
    database.close()


def old_table(model: type[Base], without: set[str]) -> TableClause:
    """`model`'s table as it was before it had those columns."""
    there = cast(Table, model.__table__).c
    return table(
        there[0].table.name, *(column(each.name, each.type) for each in there if each.name not in without)
    )


def test_what_was_said_before_there_were_voices_was_said_by_seeker(empty_url: str) -> None:
    database = Database(empty_url)
    upgrade_to(database, "0005")
    moment, session_id = now(), "session-20250819-143022-a1b2"
    person = {"id": new_id(), "email": "a@example.org", "name": "a", "role": "user", "password_hash": "x"}
    spoken = {"id": new_id(), "session_id": session_id, "user_id": person["id"], "status": "ended",
              "log_id": "x" * 20, "content_digest": "0" * 64, "request_id": "req_12345678", "owner_id": new_id(),
              "created_at": moment, "ended_at": moment}  # fmt: skip
    reply: dict[str, object] = {
        "turn_id": spoken["id"],
        "voice": "seeker",
        "model": "m",
        "status": "complete",
        "provider_retry_count": 0,
    }
    conversations = old_table(Conversation, {"goes_on_from"})
    generations = old_table(Generation, {"voice_name", "voice_colour", "is_merge"})
    with database.write() as connection:
        connection.execute(insert(User).values(**person, created_at=moment))
        values: dict[str, object] = {
            "session_id": session_id,
            "user_id": person["id"],
            "title": "Old",
            "voices": ["seeker"],
        }
        values |= {"created_at": moment, "updated_at": moment, "pinned": False, "archived": False}
        connection.execute(insert(conversations).values(values))
        connection.execute(insert(old_table(Turn, set())).values(spoken))
        connection.execute(insert(generations).values({**reply, "id": new_id()}))
    upgrade(database)
    assert is_current(database)
    with database.write() as connection:  # as the version before does, which still serves
        connection.execute(insert(generations).values({**reply, "id": new_id()}))
    with database.read() as connection:
        wanted = select(Generation.voice_name, Generation.voice_colour, Generation.is_merge)
        assert connection.execute(wanted).all() == [(SEEKER.name, SEEKER.colour, False)] * 2
        assert connection.scalars(select(Conversation.goes_on_from)).all() == [None]
    assert list(Voices(database).known(person["id"])) == list(BUILT_IN)
    database.close()
