"""What `make run` says before it serves."""

from __future__ import annotations

import secrets

import click
from flask.cli import with_appcontext

from chatapp.web.curl_line import curl_line
from chatapp.web.services import services

ADMIN = "admin@example.org"


@click.command("welcome")
@with_appcontext
def welcome() -> None:
    """Prints the address and, once, the account that an empty development database gets."""
    settings = services().settings
    address = f"http://{_shown_host(settings.host)}:{settings.port}"
    click.echo(f"\n  chatapp   {address}")
    if settings.simulated:
        click.echo("  Simulated model: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set; no answer is real.")
    if settings.production or services().accounts.are_there_any():
        click.echo("")
        return
    password = secrets.token_urlsafe(12)
    account = services().accounts.create(ADMIN, password, name="Admin", admin=True)
    token = services().api_tokens.issue(account, "from the first start").token
    click.echo(f"  e-mail    {ADMIN}\n  password  {password}\n")
    click.echo(f"  {curl_line(address, token)}\n")


def _shown_host(host: str) -> str:
    """An address that can be opened: a server that listens everywhere is reached here too."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
