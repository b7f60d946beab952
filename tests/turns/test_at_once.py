"""What happens to a conversation, or to somebody's voices, at once: on PostgreSQL several write at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from chatapp.accounts.account import Accounts
from chatapp.store.account import User
from chatapp.store.conversation import Conversation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.store.voice import VoiceRow
from chatapp.streaming.position import new_log_id
from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.continued import TurnRunning, new_session_id
from chatapp.turns.conversations import Conversations
from chatapp.turns.voice import Voice
from chatapp.turns.voices import Voices
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.turns.house import House, house, until

BOTH = (BUILT_IN["seeker"], BUILT_IN["explorer"])
_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[House]:
    with (
        ScriptedUpstream(answer("said")) as upstream,
        house(postgresql_url, tmp_path / "data", upstream.base_url) as here,
    ):
        yield here


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url)
    yield database
    database.close()


@pytest.fixture
def another(postgresql_url: str) -> Iterator[Database]:
    """What somebody else's process has, who is slow to commit."""
    database = Database(postgresql_url)
    yield database
    database.close()


def meanwhile(database: Database, work: Callable[[], Any]) -> gevent.Greenlet[..., Any]:
    """Begins `work`, which comes to wait for somebody who writes to what it needs."""

    def waits() -> bool:
        with database.read() as connection:
            return bool(connection.scalar(_WAITING))

    begun = gevent.spawn(work)
    until(lambda: begun.ready() or waits())
    assert not begun.ready(), begun.value
    return begun


def goes_on_from(session_id: str, message_id: str) -> Any:
    return update(Conversation).where(Conversation.session_id == session_id).values(goes_on_from=message_id)


def test_what_is_chosen_while_the_next_message_comes_in_counts_for_it(here: House, another: Database) -> None:
    session_id = here.say(voices=BOTH)[0].session_id
    chosen = here.replies(session_id)[1]
    with another.write() as choosing:
        choosing.execute(goes_on_from(session_id, chosen.id))
        begun = meanwhile(here.database, lambda: here.say("And then?", voices=BOTH, session_id=session_id))
    turn, _ = begun.get(timeout=20)
    with here.database.read() as connection:
        question = select(Message.parent_id).where(Message.turn_id == turn.id, Message.role == "user")
        assert connection.scalar(question) == chosen.id


def test_a_conversation_is_not_removed_under_a_message_that_comes_in(
    database: Database, another: Database
) -> None:
    account = Accounts(database).create("a@example.org", "long enough").id
    session_id, kept = new_session_id(), Conversations(database)
    of_user = {"session_id": session_id, "user_id": account}
    with database.write() as connection:
        connection.execute(insert(Conversation), {**of_user, "title": "x", "voices": ["seeker"]})
    turn = {**of_user, "id": new_id(), "status": "running", "log_id": new_log_id(), "content_digest": "0" * 64,
            "request_id": "req_1", "owner_id": "0" * 32}  # fmt: skip
    with another.write() as committing:
        committing.execute(insert(Turn), turn)
        removed = meanwhile(database, lambda: kept.remove(account, session_id))
    with pytest.raises(TurnRunning):
        removed.get(timeout=20)
    assert kept.get(account, session_id)


def test_who_imports_a_voice_and_who_makes_it_do_not_wait_for_each_other(
    database: Database, another: Database
) -> None:
    account = Accounts(database).create("a@example.org", "long enough").id
    poet, voices = Voice("poet", "Poet", "#7a3fa0", "", "Rhyme."), Voices(database)
    voices.add(account, poet)
    columns = {**asdict(poet), "history": "own", "owner_id": account}
    del columns["scope"]
    with pytest.raises(IntegrityError), another.write() as making:
        making.execute(select(User.id).where(User.id == account).with_for_update(key_share=True))
        imported = meanwhile(database, lambda: voices.put(account, [replace(poet, name="New")]))
        making.execute(insert(VoiceRow), columns)
    imported.get(timeout=20)
    assert [each.name for each in voices.made_by(account)] == ["New"]
