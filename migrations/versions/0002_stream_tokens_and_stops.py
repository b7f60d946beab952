"""Stream tokens; stopping one generation; turns that are heard through another process"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import chatapp.store.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = chatapp.store.base.UtcDateTime(timezone=True)
    op.add_column("generations", sa.Column("stop_asked_at", moment, nullable=True))
    op.add_column("turns", sa.Column("heard_at", moment, nullable=True))
    op.create_table(
        "stream_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("turn_id", sa.String(length=32), nullable=False),
        sa.Column("generation_id", sa.String(length=32), nullable=True),
        sa.Column("session_hash", sa.String(length=64), nullable=True),
        sa.Column("jti", sa.String(length=32), nullable=True),
        sa.Column("issuer_expires_at", moment, nullable=True),
        sa.Column("password_changed_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("spent_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_stream_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name=op.f("fk_stream_tokens_turn_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_stream_tokens_generation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_hash"],
            ["browser_sessions.id_hash"],
            name=op.f("fk_stream_tokens_session_hash"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["jti"], ["api_tokens.jti"], name=op.f("fk_stream_tokens_jti"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_stream_tokens")),
    )
    for column in ("user_id", "turn_id", "generation_id", "session_hash", "jti", "expires_at"):
        op.create_index(op.f(f"ix_stream_tokens_{column}"), "stream_tokens", [column])
