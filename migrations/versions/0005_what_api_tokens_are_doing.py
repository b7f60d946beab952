"""When an API token was last used, what made it, and whether it is still to be shown"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import chatapp.store.base

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain columns without a key to another row: SQLite would have to make the table anew, and with the old one
    # remove the stream tokens that refer to it.
    moment = chatapp.store.base.UtcDateTime(timezone=True)
    op.add_column("api_tokens", sa.Column("last_used_at", moment, nullable=True))
    op.add_column("api_tokens", sa.Column("made_by", sa.String(32), nullable=True))
    op.add_column("api_tokens", sa.Column("unseen_hash", sa.String(64), nullable=True))
