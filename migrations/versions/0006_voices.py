"""Voices that people make, what a reply keeps of its voice, and where a conversation goes on"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import chatapp.store.base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OF_TEAM = sa.text("owner_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "voices",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("owner_id", sa.String(32), nullable=True),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("colour", sa.String(7), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("model", sa.String(128), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("history", sa.String(16), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", chatapp.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_voices_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_voices"),
        sa.UniqueConstraint("owner_id", "key", name="uq_voices_owner_id_key"),
    )
    op.create_index(
        "uq_voices_of_team", "voices", ["key"], unique=True, sqlite_where=_OF_TEAM, postgresql_where=_OF_TEAM
    )
    # Until now there was one voice; what it said keeps the name and the colour that it had.
    for name, kind, was in (("voice_name", 40, "Seeker"), ("voice_colour", 7, "#2f6f8f")):
        op.add_column("generations", sa.Column(name, sa.String(kind), nullable=False, server_default=was))
    op.add_column(
        "generations", sa.Column("is_merge", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    # A plain column without a key to a message: SQLite would have to make the table anew.
    op.add_column("conversations", sa.Column("goes_on_from", sa.String(32), nullable=True))
