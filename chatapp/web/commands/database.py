"""Commands for the database."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from chatapp.store.migration import upgrade
from chatapp.web.services import services

database = AppGroup("db", help="Look after the database.")


@database.command("upgrade")
def upgrade_database() -> None:
    """Brings the tables up to date; does nothing when they are."""
    upgrade(services().database)
    click.echo("database up to date")
