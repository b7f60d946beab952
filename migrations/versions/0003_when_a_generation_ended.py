"""When a generation ended, which may be long before its turn does"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import chatapp.store.base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = chatapp.store.base.UtcDateTime(timezone=True)
    op.add_column("generations", sa.Column("ended_at", moment, nullable=True))
