"""Starting a turn: one short transaction that commits the user's message and a row for every reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from chatapp.errors import Conflict
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.turns.continued import Continued, TurnRunning, continued_by, looked_at_by
from chatapp.turns.history import Exchange, exchanges, seen_by
from chatapp.turns.new_turn import CommittedTurn, NewGeneration, NewTurn
from chatapp.turns.prompt import merge_prompt, prompt
from chatapp.turns.question import Question, earlier_question, new_question
from chatapp.turns.voice import Voice
from chatapp.upstream.catalogue import Catalogue


class MessageIdReused(Conflict):
    """The client used a message id again, for something else."""

    code = "MESSAGE_ID_REUSED"

    def __init__(self) -> None:
        super().__init__("This message id was used before, with other content.")


# Statements are made once: making one anew costs more than carrying it out.
_EARLIER = select(Turn.id, Turn.session_id, Turn.log_id, Turn.content_digest).where(
    Turn.user_id == bindparam("user_id"), Turn.client_message_id == bindparam("client_message_id")
)
_GO_ON = (
    update(Conversation)
    .where(Conversation.session_id == bindparam("row"))
    .values(
        updated_at=bindparam("moment"),
        voices=bindparam("asked", type_=Conversation.voices.type),
        goes_on_from=bindparam("chosen"),
    )
)
_ADD_TURN = insert(Turn)
_ADD_GENERATION = insert(Generation)
_ADD_MESSAGE = insert(Message)


@dataclass(frozen=True, slots=True)
class TurnStart:
    """Commits new turns in the name of `owner_id`. `history` is how many earlier messages are sent along."""

    database: Database
    catalogue: Catalogue
    owner_id: str
    history: int

    def commit(self, new: NewTurn) -> CommittedTurn:
        """The turn of this message, committed. Raises NotFound for somebody else's conversation, TurnRunning,
        QuestionPassed, TooManyReplies, NothingToMerge, MessageIdReused, and DatabaseUnavailable; then nothing was
        saved."""
        try:
            return self._attempt(new)
        except IntegrityError:
            # Another process was between our look and our insert. The second look finds what it committed.
            try:
                return self._attempt(new)
            except IntegrityError:
                raise TurnRunning from None

    def _attempt(self, new: NewTurn) -> CommittedTurn:
        with self.database.write() as connection:
            if earlier := _earlier(connection, new):
                return earlier
            return self._insert(connection, new, continued_by(connection, new))

    def _insert(self, connection: Connection, new: NewTurn, on: Continued) -> CommittedTurn:
        turn_id, log_id = self._add_turn(connection, new, on.session_id)
        question = (earlier_question if new.further else new_question)(connection, new, on)
        due = self._all_due(connection, new, on, question)
        # All rows of a table at once: a statement costs 0.05 ms, most of it before the database hears of it.
        connection.execute(_ADD_GENERATION, [_generation(turn_id, each) for each in due])
        asked = _asked(turn_id, on, question)
        replies = [_reply(asked, each) for each in due]
        connection.execute(_ADD_MESSAGE, replies if new.further else [asked, *replies])
        if not on.is_new:
            connection.execute(_GO_ON, _gone_on(new, on, question, due))
        return CommittedTurn(turn_id, on.session_id, log_id, due)

    def _add_turn(self, connection: Connection, new: NewTurn, session_id: str) -> tuple[str, str]:
        turn_id, log_id = new_id(), new_log_id()
        turn = {
            "id": turn_id,
            "session_id": session_id,
            "user_id": new.user_id,
            "status": "running",
            "log_id": log_id,
            "client_message_id": new.client_message_id,
            "content_digest": new.digest(),
            "request_id": new.request_id,
            "owner_id": self.owner_id,
        }
        connection.execute(_ADD_TURN, turn)
        return turn_id, log_id

    def _all_due(
        self, connection: Connection, new: NewTurn, on: Continued, question: Question
    ) -> tuple[NewGeneration, ...]:
        said = exchanges(connection, question.follows, self.history)
        return tuple(self._due(new, voice, on.model, question, said) for voice in new.voices)

    def _due(
        self, new: NewTurn, voice: Voice, usual: str | None, question: Question, said: list[Exchange]
    ) -> NewGeneration:
        model = new.model or voice.model or usual or self.catalogue.default
        seen = seen_by(voice, said, self.history)
        if not question.merged:
            return NewGeneration(new_id(), new_id(), voice, model, prompt(voice, seen, question.content))
        sent = merge_prompt(voice, seen, question.content, question.merged)
        return NewGeneration(new_id(), new_id(), voice, model, sent, question.citations(), is_merge=True)

    def foresee(self, new: NewTurn) -> tuple[NewGeneration, ...]:
        """What would be sent if this message were committed now, to the letter. Nothing is. Raises NotFound for
        somebody else's conversation, and DatabaseUnavailable."""
        with self.database.read() as connection:
            on = looked_at_by(connection, new)
            return self._all_due(connection, new, on, new_question(connection, new, on))


def _earlier(connection: Connection, new: NewTurn) -> CommittedTurn | None:
    """The turn that this client message id already started."""
    if new.client_message_id is None:
        return None
    same = {"user_id": new.user_id, "client_message_id": new.client_message_id}
    turn = connection.execute(_EARLIER, same).one_or_none()
    if turn is None:
        return None
    if turn.content_digest != new.digest() or new.session_id not in (None, turn.session_id):
        raise MessageIdReused
    return CommittedTurn(turn.id, turn.session_id, turn.log_id, ())


def _asked(turn_id: str, on: Continued, question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "turn_id": turn_id,
        "session_id": on.session_id,
        "parent_id": question.follows,
        "generation_id": None,
        "role": "user",
        "content": question.content,
        "citations": [],
    }


def _reply(asked: dict[str, Any], due: NewGeneration) -> dict[str, Any]:
    of_reply = {"id": due.message_id, "parent_id": asked["id"], "generation_id": due.id}
    return {**asked, **of_reply, "role": "assistant", "content": "", "citations": list(due.citations)}


def _generation(turn_id: str, due: NewGeneration) -> dict[str, Any]:
    voice = due.voice
    of_voice = {"voice": voice.key, "voice_name": voice.name, "voice_colour": voice.colour}
    of_reply = {"model": due.model, "status": "streaming", "is_merge": due.is_merge}
    return {"id": due.id, "turn_id": turn_id, **of_voice, **of_reply}


def _gone_on(
    new: NewTurn, on: Continued, question: Question, due: tuple[NewGeneration, ...]
) -> dict[str, Any]:
    """The conversation's row after this turn. A merge is what the conversation goes on from, and so is the new try
    of a chosen voice."""
    chosen = next(
        (each.message_id for each in due if each.is_merge or each.voice.key == question.chosen), None
    )
    kept = on.goes_on_from if new.further else None
    asked = on.voices if new.further else [voice.key for voice in new.voices]
    return {"row": on.session_id, "moment": now(), "asked": asked, "chosen": chosen or kept}
