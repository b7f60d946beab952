"""Conversations: messages in a tree, the turns that made them, and the generations of each turn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chatapp.store.base import Base, Id, Moment

TITLE_LENGTH = 120

_ASKED_TO_STOP = text("stop_asked_at IS NOT NULL")


class Conversation(Base):
    """A durable tree of messages that one user owns. `session_id` is its public name, and its key. `voices` are the
    keys of those that were asked last, `goes_on_from` is the reply to the newest question that was chosen, if any."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_user_id_updated_at", "user_id", "updated_at", "session_id"),)

    session_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    pinned: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    model: Mapped[str | None] = mapped_column(String(128))
    voices: Mapped[list[str]]
    goes_on_from: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class Turn(Base):
    """One user message and all the replies it provokes, or further replies to a message of an earlier turn. At most
    one turn of a conversation runs at a time, and a client's own message id is used once per user, for good."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("user_id", "client_message_id"),
        Index(
            "uq_turns_running",
            "session_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index("ix_turns_session_id_id", "session_id", "id"),
        Index("ix_turns_status_owner_id", "status", "owner_id"),
        Index(
            "ix_turns_asked_to_stop", "owner_id", sqlite_where=_ASKED_TO_STOP, postgresql_where=_ASKED_TO_STOP
        ),
    )

    id: Mapped[Id]
    session_id: Mapped[str] = mapped_column(ForeignKey("conversations.session_id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(16))
    log_id: Mapped[str] = mapped_column(String(40))
    last_seq: Mapped[int | None]
    client_message_id: Mapped[str | None] = mapped_column(String(64))
    content_digest: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(80))
    owner_id: Mapped[str] = mapped_column(String(32))
    stop_asked_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    created_at: Mapped[Moment]
    ended_at: Mapped[datetime | None]


class Generation(Base):
    """One upstream call for one voice in one turn, and how it ended. It keeps the name and the colour that the voice
    had. `is_merge` says that it read all replies to a question and made one of them."""

    __tablename__ = "generations"
    __table_args__ = (
        Index(
            "ix_generations_asked_to_stop",
            "status",
            sqlite_where=_ASKED_TO_STOP,
            postgresql_where=_ASKED_TO_STOP,
        ),
    )

    id: Mapped[Id]
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    voice: Mapped[str] = mapped_column(String(32))
    voice_name: Mapped[str] = mapped_column(String(40))
    voice_colour: Mapped[str] = mapped_column(String(7))
    is_merge: Mapped[bool] = mapped_column(default=False)
    model: Mapped[str] = mapped_column(String(128))
    status: Mapped[str] = mapped_column(String(16))
    finish_reason: Mapped[str | None] = mapped_column(String(32))
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_message: Mapped[str | None] = mapped_column(String(500))
    provider_retry_count: Mapped[int] = mapped_column(default=0)
    ttft_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    tokens_in: Mapped[int | None]
    tokens_out: Mapped[int | None]
    cost_usd: Mapped[float | None] = mapped_column(Float(53))
    stop_asked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Message(Base):
    """One entry with an author. A reply's text grows while its generation runs; the rest never changes.

    The parent of a reply is its question. That of a question is the reply that it goes on from, or, where several
    voices replied and none was chosen, the question before it."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_session_id_id", "session_id", "id"),)

    id: Mapped[Id]
    session_id: Mapped[str] = mapped_column(ForeignKey("conversations.session_id", ondelete="CASCADE"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"), index=True)
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    generation_id: Mapped[str | None] = mapped_column(
        ForeignKey("generations.id", ondelete="CASCADE"), unique=True
    )
    role: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    citations: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    created_at: Mapped[Moment]


class Owner(Base):
    """A process that answers turns, and when it last said that it lives."""

    __tablename__ = "owners"

    id: Mapped[Id]
    seen_at: Mapped[Moment]
