"""One voice of a turn, as readers follow it alone: by its generation, or by its name in a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import aliased

from chatapp.store.conversation import Generation, Message, Turn
from chatapp.turns.newest_question import NEWEST_QUESTION

if TYPE_CHECKING:
    from chatapp.turns.turns import FollowedTurn

_sibling = aliased(Generation)
_try = aliased(Generation)
_FOUND = (
    select(
        Turn.id.label("turn_id"),
        Generation.id.label("generation_id"),
        Generation.voice,
        Generation.status,
        select(func.count()).where(_sibling.turn_id == Turn.id).scalar_subquery().label("voices"),
    )
    .join(Generation, Generation.turn_id == Turn.id)
    .where(Turn.user_id == bindparam("user_id"))
)
BY_ID = _FOUND.where(Generation.id == bindparam("generation_id"))
"""The generation of that id, when it is of a turn of that user."""

# The newest of it is found as a maximum: put in order, all answers to the question would have to be sorted.
_newest_try = (
    select(func.max(Message.generation_id))
    .join(_try, _try.id == Message.generation_id)
    .where(Message.parent_id == NEWEST_QUESTION, _try.voice == bindparam("voice"), _try.is_merge.is_(False))
    .scalar_subquery()
)
BY_NAME = _FOUND.where(Generation.id == _newest_try)
"""The newest answer of that voice to the newest question of that conversation, when it is that user's: of whichever
turn, for a voice that is asked again is in a turn of its own. Merges are left out."""


@dataclass(frozen=True, slots=True)
class FollowedVoice:
    """`is_alone` says that its turn has no other voice; `has_ended`, that its end is saved, which is so before
    anybody is told of it."""

    turn: FollowedTurn
    generation_id: str
    voice: str
    is_alone: bool
    has_ended: bool
