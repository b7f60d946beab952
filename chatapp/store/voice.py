"""Voices that people have made: their own, and the team's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chatapp.store.base import Base, Id, Moment

_OF_TEAM = text("owner_id IS NULL")


class VoiceRow(Base):
    """One voice as somebody wrote it. `owner_id` is None for the team's, which everybody can ask."""

    __tablename__ = "voices"
    __table_args__ = (
        UniqueConstraint("owner_id", "key"),
        # To a database no two NULLs are the same, so that the rule above says nothing of the team's.
        Index("uq_voices_of_team", "key", unique=True, sqlite_where=_OF_TEAM, postgresql_where=_OF_TEAM),
    )

    id: Mapped[Id]
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(40))
    colour: Mapped[str] = mapped_column(String(7))
    description: Mapped[str] = mapped_column(String(200))
    prompt: Mapped[str] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(String(128))
    parameters: Mapped[dict[str, Any]]
    history: Mapped[str] = mapped_column(String(16))
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Moment]
