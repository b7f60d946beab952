"""The question of a turn: the user's message that its replies answer, new or sent before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from chatapp.errors import Conflict
from chatapp.store.identifier import new_id
from chatapp.turns.continued import Continued
from chatapp.turns.history import Reply
from chatapp.turns.new_turn import NewTurn
from chatapp.turns.newest_question import newest_question

MOST_REPLIES = 100
"""To one message, every try and every merge counted: as many as a page shows. All of them are read with each page and
each message, and there must be an end to what that costs."""


class QuestionPassed(Conflict):
    """Something was asked since."""

    code = "QUESTION_PASSED"

    def __init__(self) -> None:
        super().__init__(
            "The conversation has gone on since. Only the newest message can be answered further."
        )


class TooManyReplies(Conflict):
    """There is no room for another reply."""

    code = "TOO_MANY_REPLIES"

    def __init__(self) -> None:
        super().__init__("This message has been answered often enough. Send it once more to hear others.")


class NothingToMerge(Conflict):
    """There are no two replies with text."""

    code = "NOTHING_TO_MERGE"

    def __init__(self) -> None:
        super().__init__("There is nothing to merge: it takes the replies of two voices at least.")


@dataclass(frozen=True, slots=True)
class Question:
    """`follows` is the message before it; `merged` are the replies that one is to be made of, if that is wanted;
    `chosen` is the voice whose reply the conversation goes on from so far."""

    id: str
    content: str
    follows: str | None
    merged: tuple[Reply, ...] = ()
    chosen: str | None = None

    def citations(self) -> tuple[Mapping[str, Any], ...]:
        """What a merge reads, for its message."""
        return tuple(
            {
                "voice": each.voice,
                "name": each.name,
                "message_id": each.id,
                "generation_id": each.generation_id,
            }
            for each in self.merged
        )


def new_question(connection: Connection, new: NewTurn, on: Continued) -> Question:
    """The message of this turn, put where the conversation goes on."""
    before = None if on.is_new else newest_question(connection, on.session_id)
    follows = before.goes_on_from(on.goes_on_from) if before else None
    return Question(new_id(), new.message, follows)


def earlier_question(connection: Connection, new: NewTurn, on: Continued) -> Question:
    """The message that further replies are wanted to. Raises QuestionPassed, TooManyReplies,
    NothingToMerge."""
    assert new.further is not None
    newest = newest_question(connection, on.session_id)
    if newest is None or newest.id != new.further.question_id:
        raise QuestionPassed
    if len(newest.tries) + len(new.voices) > MOST_REPLIES:
        raise TooManyReplies
    follows, content = newest.read(connection)
    if new.further.is_merge:
        merged = tuple(each for each in newest.replies if each.content and not each.is_merge)
        if len(merged) < 2:
            raise NothingToMerge
        return Question(newest.id, content, follows, merged)
    chosen = newest.chosen(on.goes_on_from)
    return Question(newest.id, content, follows, chosen=chosen.source if chosen else None)
