"""Stream tokens: one-use keys to one stream, for readers that can send neither a cookie nor a header."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chatapp.store.base import Base, Moment


class StreamToken(Base):
    """One stream token; the row keeps only its SHA-256. It opens the stream of `generation_id`, or of the whole
    turn where that is None, and dies with whatever asked for it: a session's row, an API token's row (`jti`), or,
    for an API token that was minted elsewhere, its own end and the next change of password."""

    __tablename__ = "stream_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    generation_id: Mapped[str | None] = mapped_column(
        ForeignKey("generations.id", ondelete="CASCADE"), index=True
    )
    session_hash: Mapped[str | None] = mapped_column(
        ForeignKey("browser_sessions.id_hash", ondelete="CASCADE"), index=True
    )
    jti: Mapped[str | None] = mapped_column(ForeignKey("api_tokens.jti", ondelete="CASCADE"), index=True)
    issuer_expires_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]
    created_at: Mapped[Moment]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    spent_at: Mapped[datetime | None]
