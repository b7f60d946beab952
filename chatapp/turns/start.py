"""Starting a turn: one short transaction that commits the user's message and a row for every reply."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chatapp.errors import Conflict, NotFound
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.turns.new_turn import CommittedTurn, NewGeneration, NewTurn
from chatapp.turns.prompt import branch, prompt
from chatapp.upstream.catalogue import Catalogue

_TITLE_LENGTH = 80
_ENDING_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class TurnRunning(Conflict):
    """The conversation is still answering."""

    code = "TURN_RUNNING"

    def __init__(self) -> None:
        super().__init__("This conversation is still answering. Wait for the answer, or stop it.")


class MessageIdReused(Conflict):
    """The client used a message id again, for something else."""

    code = "MESSAGE_ID_REUSED"

    def __init__(self) -> None:
        super().__init__("This message id was used before, with other content.")


@dataclass(frozen=True, slots=True)
class TurnStart:
    """Commits new turns in the name of `owner_id`. `history` is how many earlier messages are sent along."""

    database: Database
    catalogue: Catalogue
    owner_id: str
    history: int

    def commit(self, new: NewTurn) -> CommittedTurn:
        """The turn of this message, committed. Raises NotFound for somebody else's conversation, TurnRunning,
        MessageIdReused, and DatabaseUnavailable; then nothing was saved."""
        try:
            return self._attempt(new)
        except IntegrityError:
            # Another process was between our look and our insert. The second look finds what it committed.
            try:
                return self._attempt(new)
            except IntegrityError:
                raise TurnRunning from None

    def _attempt(self, new: NewTurn) -> CommittedTurn:
        with self.database.write() as session:
            if earlier := self._earlier(session, new):
                return earlier
            conversation = self._conversation(session, new)
            running = select(Turn.id).where(
                Turn.session_id == conversation.session_id, Turn.status == "running"
            )
            if session.scalar(running):
                raise TurnRunning
            return self._insert(session, new, conversation)

    def _earlier(self, session: Session, new: NewTurn) -> CommittedTurn | None:
        """The turn that this client message id already started."""
        if new.client_message_id is None:
            return None
        same = (Turn.user_id == new.user_id) & (Turn.client_message_id == new.client_message_id)
        turn = session.scalar(select(Turn).where(same))
        if turn is None:
            return None
        if turn.content_digest != new.digest() or new.session_id not in (None, turn.session_id):
            raise MessageIdReused
        return CommittedTurn(turn.id, turn.session_id, turn.log_id, ())

    def _conversation(self, session: Session, new: NewTurn) -> Conversation:
        """The caller's conversation, made when nobody has one of that name."""
        found = session.get(Conversation, new.session_id) if new.session_id else None
        if found is not None:
            if found.user_id != new.user_id:
                raise NotFound
            return found
        made = Conversation(
            session_id=new.session_id or new_session_id(),
            user_id=new.user_id,
            title=_title(new.message),
            model=new.model,
            voices=[voice.key for voice in new.voices],
        )
        session.add(made)
        session.flush()
        return made

    def _insert(self, session: Session, new: NewTurn, conversation: Conversation) -> CommittedTurn:
        turn_id, log_id, moment = new_id(), new_log_id(), now()
        parent_id = _newest_message(session, conversation.session_id)
        history = branch(session, parent_id, self.history)
        session.execute(
            insert(Turn).values(
                id=turn_id,
                session_id=conversation.session_id,
                user_id=new.user_id,
                status="running",
                log_id=log_id,
                client_message_id=new.client_message_id,
                content_digest=new.digest(),
                request_id=new.request_id,
                owner_id=self.owner_id,
                created_at=moment,
            )
        )
        question = {"parent_id": parent_id, "role": "user", "content": new.message}
        said = _add_message(session, turn_id, conversation.session_id, **question)
        generations = []
        for voice in new.voices:
            model = new.model or voice.model or conversation.model or self.catalogue.default
            generation_id = new_id()
            values = {"id": generation_id, "turn_id": turn_id, "voice": voice.key, "model": model}
            session.execute(insert(Generation).values(**values, status="streaming"))
            reply = {"parent_id": said, "role": "assistant", "content": "", "generation_id": generation_id}
            message_id = _add_message(session, turn_id, conversation.session_id, **reply)
            sent = prompt(voice, history, new.message)
            generations.append(NewGeneration(generation_id, message_id, voice, model, sent))
        changed = update(Conversation).where(Conversation.session_id == conversation.session_id)
        session.execute(changed.values(updated_at=moment))
        return CommittedTurn(turn_id, conversation.session_id, log_id, tuple(generations))


def new_session_id() -> str:
    """A conversation's public name, with an ending that nobody guesses."""
    ending = "".join(secrets.choice(_ENDING_ALPHABET) for _ in range(20))
    return f"session-{now():%Y%m%d-%H%M%S}-{ending}"


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"


def _newest_message(session: Session, session_id: str) -> str | None:
    newest = select(Message.id).where(Message.session_id == session_id).order_by(Message.id.desc()).limit(1)
    return session.scalar(newest)


def _add_message(session: Session, turn_id: str, session_id: str, **values: str | None) -> str:
    message_id = new_id()
    session.execute(
        insert(Message).values(id=message_id, turn_id=turn_id, session_id=session_id, citations=[], **values)
    )
    return message_id
