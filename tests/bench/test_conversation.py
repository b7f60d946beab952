"""Conversations that the bench makes: the product takes them for its own."""

from __future__ import annotations

import pytest

from bench.contender import EMAIL
from bench.conversation import hold
from chatapp.accounts.account import Accounts
from chatapp.store.database import Database
from chatapp.turns.built_in_voices import SEEKER
from chatapp.turns.conversations import Conversations
from chatapp.turns.history import exchanges, seen_by


@pytest.mark.parametrize("size", [2, 3, 5, 12])
def test_a_conversation_holds_as_many_messages_as_were_asked_for(sqlite_url: str, size: int) -> None:
    database = Database(sqlite_url)
    account = Accounts(database).create(EMAIL, "a password for the bench")

    names = hold(database, size, 2)

    assert len(set(names)) == 2
    for name in names:
        said = Conversations(database).messages(account.id, name, 100)
        assert len(said) == size
        assert {each.status for each in said if each.role == "assistant"} == {"complete"}
        with database.read() as connection:
            path = seen_by(SEEKER, exchanges(connection, said[-1].id, 100), 100)
        assert [each["role"] for each in path] == ["user", "assistant"] * (size // 2)
    database.close()
