"""What was asked to stop is found without looking at everything that runs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ASKED = sa.text("stop_asked_at IS NOT NULL")


def upgrade() -> None:
    for name, table, column in (
        ("ix_turns_asked_to_stop", "turns", "owner_id"),
        ("ix_generations_asked_to_stop", "generations", "status"),
    ):
        op.create_index(name, table, [column], sqlite_where=_ASKED, postgresql_where=_ASKED)


def downgrade() -> None:
    op.drop_index("ix_generations_asked_to_stop", "generations")
    op.drop_index("ix_turns_asked_to_stop", "turns")
