"""The prompt: what a generation sends upstream, made from the branch that ends in the user's message."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import literal, select
from sqlalchemy.orm import Session, aliased

from chatapp.store.conversation import Message
from chatapp.turns.voice import Voice

PromptMessage = Mapping[str, str]


def branch(session: Session, message_id: str | None, limit: int) -> list[PromptMessage]:
    """The last `limit` messages of the branch that ends in `message_id`, oldest first. Costs the same however
    long the conversation is."""
    if message_id is None or limit == 0:
        return []
    walk = (
        select(Message.id, Message.parent_id, Message.role, Message.content, literal(1).label("depth"))
        .where(Message.id == message_id)
        .cte("branch", recursive=True)
    )
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, parent.role, parent.content, walk.c.depth + 1)
    walk = walk.union_all(step.join(walk, parent.id == walk.c.parent_id).where(walk.c.depth < limit))
    rows = session.execute(select(walk.c.role, walk.c.content).order_by(walk.c.depth.desc())).all()
    return [{"role": role, "content": content} for role, content in rows if content]


def prompt(voice: Voice, history: list[PromptMessage], message: str) -> tuple[PromptMessage, ...]:
    """System prompt of the voice, what was said before, and the user's message."""
    system = {"role": "system", "content": voice.prompt}
    return (system, *history, {"role": "user", "content": message})
