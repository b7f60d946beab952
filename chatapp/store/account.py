"""Users, the sessions of their browsers, and their API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chatapp.store.base import Base, Id, Moment, Name


class User(Base):
    """A person. `email` is kept lower-case; a disabled one is out at the next request."""

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[Name]
    role: Mapped[str] = mapped_column(String(16), default="user")
    password_hash: Mapped[str] = mapped_column(String(256))
    password_changed_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[Moment]


class BrowserSession(Base):
    """One signed-in browser. The cookie holds a random id; the row keeps only its SHA-256."""

    __tablename__ = "browser_sessions"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, Any]]
    created_at: Mapped[Moment]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiToken(Base):
    """An API token that chatapp issued. The token itself is not kept; its `jti` is this row's id.

    `made_by` is the `jti` of the API token that asked for it, with which it ends; None where a person did.
    `unseen_hash` names the form that asked for it until that form's answer has shown it."""

    __tablename__ = "api_tokens"

    jti: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[Name]
    created_at: Mapped[Moment]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    made_by: Mapped[str | None] = mapped_column(String(32))
    unseen_hash: Mapped[str | None] = mapped_column(String(64))
