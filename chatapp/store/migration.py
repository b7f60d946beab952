"""Migrations: Alembic, driven from here so that commands, tests and the server share one way to upgrade."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from chatapp.store.database import Database

_FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(database: Database) -> None:
    """Brings the database to the newest revision; does nothing when it is there."""
    config = _config()
    with database.upgrade() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Whether the database has the tables that this version of the code expects."""
    with database.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
