"""Migrations on databases with rows in them: nothing is lost on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alembic import command
from sqlalchemy import insert, select, table, text
from sqlalchemy.sql.expression import column

from chatapp.store.account import ApiToken, User
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.store.migration import _config, is_current, upgrade
from tests.postgresql_server import PostgresqlServer

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
