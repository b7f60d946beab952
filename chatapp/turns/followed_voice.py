"""One voice of a turn, as readers follow it alone: by its generation, or by its name in the newest turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import aliased

from chatapp.store.conversation import Generation, Turn

if TYPE_CHECKING:
    from chatapp.turns.turns import FollowedTurn

_sibling = aliased(Generation)
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

_newest = (
    select(Turn.id)
    .where(Turn.session_id == bindparam("session_id"))
    .order_by(Turn.id.desc())
    .limit(1)
    .scalar_subquery()
)
BY_NAME = _FOUND.where(Turn.id == _newest, Generation.voice == bindparam("voice"))
"""The generation of that voice in the newest turn of that conversation, when it is that user's."""


@dataclass(frozen=True, slots=True)
class FollowedVoice:
    """`is_alone` says that its turn has no other voice; `has_ended`, that its end is saved, which is so before
    anybody is told of it."""

    turn: FollowedTurn
    generation_id: str
    voice: str
    is_alone: bool
    has_ended: bool
