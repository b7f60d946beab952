"""The prompt: what a generation sends upstream, made from the branch that ends in the user's message."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Select, bindparam, literal, select
from sqlalchemy.orm import aliased

from chatapp.store.conversation import Message
from chatapp.turns.voice import Voice

PromptMessage = Mapping[str, str]


def _branch() -> Select[str, str]:
    walk = (
        select(Message.id, Message.parent_id, Message.role, Message.content, literal(1).label("depth"))
        .where(Message.id == bindparam("last"))
        .cte("branch", recursive=True)
    )
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, parent.role, parent.content, walk.c.depth + 1)
    walk = walk.union_all(
        step.join(walk, parent.id == walk.c.parent_id).where(walk.c.depth < bindparam("limit"))
    )
    return select(walk.c.role, walk.c.content).order_by(walk.c.depth.desc())


_BRANCH = _branch()


def branch(connection: Connection, last_id: str | None, limit: int) -> list[PromptMessage]:
    """The last `limit` messages of the branch that ends in the message `last_id`, oldest first. Costs the same
    however long the conversation is."""
    if last_id is None or limit == 0:
        return []
    rows = connection.execute(_BRANCH, {"last": last_id, "limit": limit}).all()
    return [{"role": role, "content": content} for role, content in rows if content]


def prompt(voice: Voice, history: list[PromptMessage], message: str) -> tuple[PromptMessage, ...]:
    """System prompt of the voice, what was said before, and the user's message."""
    system = {"role": "system", "content": voice.prompt}
    return (system, *history, {"role": "user", "content": message})
