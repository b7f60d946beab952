"""Commands for voices: out as TOML, and in again."""

from __future__ import annotations

from typing import BinaryIO

import click
from flask.cli import AppGroup

from chatapp.errors import ChatappError, ValidationFailed
from chatapp.web.services import services
from chatapp.web.voice_toml import MOST_BYTES, read, text_of, written

voices = AppGroup("voices", help="Export and import voices as TOML.")


@voices.command("export")
@click.argument("email", required=False)
def export_voices(email: str | None) -> None:
    """Prints the voices of a user, or without one the team's, as TOML."""
    click.echo(written(services().voices.made_by(_owner(email))), nl=False)


@voices.command("import")
@click.argument("file", type=click.File("rb"))
@click.argument("email", required=False)
def import_voices(file: BinaryIO, email: str | None) -> None:
    """Makes all voices of a TOML file for a user, or without one for the team, in place of those with their keys."""
    owner_id = _owner(email)
    try:
        found = read(text_of(file.read(MOST_BYTES + 4)))
        services().voices.put(owner_id, found)
    except ValidationFailed as error:
        raise click.ClickException(
            "\n".join(f"{each.field}: {each.message}" for each in error.errors)
        ) from None
    except ChatappError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"{len(found)} imported")


def _owner(email: str | None) -> str | None:
    if email is None:
        return None
    account = services().accounts.by_email(email)
    if account is None:
        raise click.ClickException("There is no user with this e-mail, or they are disabled.")
    return account.id
