"""Commands for users and API tokens."""

from __future__ import annotations

from datetime import timedelta

import click
from flask.cli import AppGroup

from chatapp.accounts.account import Account, kept_email
from chatapp.accounts.api_token import LIFETIME, LONGEST
from chatapp.errors import ChatappError
from chatapp.web.services import services

users = AppGroup("user", help="Make users and set their passwords.")
tokens = AppGroup("token", help="Make API tokens.")


@users.command("create")
@click.argument("email")
@click.option("--admin", is_flag=True, help="Make an administrator.")
@click.option("--password", help="Asked for when it is not given.")
def create_user(email: str, admin: bool, password: str | None) -> None:
    """Makes a user."""
    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        account = services().accounts.create(email, password, admin=admin)
    except ChatappError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"{account.role} {account.email} made")


@users.command("password")
@click.argument("email")
@click.option("--password", help="Asked for when it is not given.")
def set_password(email: str, password: str | None) -> None:
    """Sets a user's password, and ends every session and API token of theirs."""
    account = _account(email)
    password = password or click.prompt("New password", hide_input=True, confirmation_prompt=True)
    try:
        services().accounts.set_password(account, password)
    except ChatappError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"password of {account.email} changed")


@users.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Shuts a user out: neither password, session nor API token lets them in. What they have said stays."""
    if not services().accounts.disable(email):
        raise _nobody()
    click.echo(f"{kept_email(email)} disabled")


@users.command("enable")
@click.argument("email")
def enable_user(email: str) -> None:
    """Lets a disabled user in again."""
    if not services().accounts.enable(email):
        raise _nobody()
    click.echo(f"{kept_email(email)} enabled")


@tokens.command("create")
@click.argument("email")
@click.option(
    "--days", default=LIFETIME.days, type=click.IntRange(1, LONGEST.days), help="How long it lives."
)
@click.option("--name", default="from the command line", help="What it is called in the list.")
def create_token(email: str, days: int, name: str) -> None:
    """Prints a new API token, and nothing else."""
    try:
        issued = services().api_tokens.issue(_account(email), name, timedelta(days=days))
    except ChatappError as error:
        raise click.ClickException(error.message) from None
    click.echo(issued.token)


def _account(email: str) -> Account:
    account = services().accounts.by_email(email)
    if account is None:
        raise click.ClickException("There is no user with this e-mail, or they are disabled.")
    return account


def _nobody() -> click.ClickException:
    return click.ClickException("There is no user with this e-mail.")
