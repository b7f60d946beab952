"""A process that answers turns, inside the test: real database, real client, an upstream that does as told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent

from chatapp.accounts.account import Account, Accounts
from chatapp.config import load_settings
from chatapp.store.database import LOCK_WAIT_S, Database
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.position import Position
from chatapp.streaming.subscriber import Subscriber
from chatapp.streaming.voice_dialect import VoiceDialect
from chatapp.turns.answering import Answering
from chatapp.turns.built_in_voices import SEEKER
from chatapp.turns.conversations import Conversations
from chatapp.turns.new_turn import CommittedTurn, NewTurn
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.turns import FollowedTurn
from tests.streaming.wire import Client, read


class House:
    """One process: `answering` and what tests ask of it. Several on one database stand for several processes.
    `lock_wait_s` is its patience for a lock of another on SQLite."""

    def __init__(
        self,
        database_url: str,
        data: Path,
        base_url: str,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
        **variables: str,
    ) -> None:
        self.settings = load_settings(
            {
                "CHATAPP_DATA": str(data),
                "DATABASE_URL": database_url,
                "OPENAI_BASE_URL": base_url,
                "CHATAPP_MODELS": "m",
                "CHATAPP_DEFAULT_MODEL": "m",
                **variables,
            }
        )
        self.database = Database(database_url, lock_wait_s=lock_wait_s)
        self.answering = Answering(self.settings, self.database)
        self.conversations = Conversations(self.database)
        self.accounts = Accounts(self.database)
        self.answering.ready()

    def account(self) -> Account:
        return self.accounts.by_email("a@example.org") or self.accounts.create("a@example.org", "long enough")

    def begin(self, message: str = "Hello", **values: Any) -> tuple[CommittedTurn, FollowedTurn]:
        """A committed turn, not started yet."""
        given = {"user_id": self.account().id, "request_id": "req_12345678", "voices": (SEEKER,), **values}
        return self.answering.turns.begin(NewTurn(message=message, **given))

    def start(self, message: str = "Hello", **values: Any) -> RunningTurn:
        turn = self.begin(message, **values)[1]
        assert isinstance(turn, RunningTurn)
        turn.start()
        return turn

    def follow(self, turn_id: str) -> FollowedTurn:
        return self.answering.turns.follow(self.account().id, turn_id)

    def say(self, message: str = "Hello", **values: Any) -> tuple[RunningTurn, Client]:
        """A turn, and a client that has read it to its end."""
        turn = self.start(message, **values)
        return turn, self.read(turn)

    def read(self, turn: FollowedTurn, at: str | None = None, timeout_s: float = 10) -> Client:
        """A client that reads from the position `at` to the end."""
        with gevent.Timeout(timeout_s):
            return read(self.subscriber(turn, at).frames())

    def follow_voice(self, turn_id: str, voice: str, timeout_s: float = 10) -> Client:
        """A client that reads one voice of several to its end."""
        turn = self.follow(turn_id)
        with gevent.Timeout(timeout_s):
            return read(Subscriber(turn.log, VoiceDialect(voice), None, turn.snapshot).frames())

    def subscriber(self, turn: FollowedTurn, at: str | None = None) -> Subscriber:
        position = None if at is None else Position.parse(at) or Position("", 0)
        subscriber = Subscriber(turn.log, EVENTS, position, turn.snapshot)
        self.answering.heartbeat.add(subscriber)
        return subscriber

    def replies(self, session_id: str) -> list[Any]:
        rows = self.conversations.messages(self.account().id, session_id, 100)
        return [row for row in rows if row.role == "assistant"]

    def generation(self, turn: FollowedTurn) -> Any:
        return self.conversations.generation(self.account().id, turn.standings()[0]["generation_id"])

    def close(self) -> None:
        self.answering.stop()
        self.database.close()


@contextmanager
def house(
    database_url: str, data: Path, base_url: str, *, lock_wait_s: float = LOCK_WAIT_S, **variables: str
) -> Iterator[House]:
    made = House(database_url, data, base_url, lock_wait_s=lock_wait_s, **variables)
    try:
        yield made
    finally:
        made.close()


def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    """Waits until `condition` holds; a test that waits in vain fails."""
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        gevent.sleep(0.005)
