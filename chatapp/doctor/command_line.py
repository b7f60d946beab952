"""The tester's command line."""

from __future__ import annotations

import argparse
import getpass
import os
import ssl
import sys
from collections.abc import Sequence
from typing import NoReturn

from chatapp.doctor.address import Address
from chatapp.doctor.examination import Wishes, examine
from chatapp.doctor.plain import plain
from chatapp.doctor.report import Report
from chatapp.doctor.site import Site
from chatapp.doctor.trouble import Trouble

WELL, WRONG, NOT_REACHED, BROKEN_OFF = 0, 1, 2, 130
TOKEN_VARIABLE = "STREAM_DOCTOR_TOKEN"  # noqa: S105 - a name
PASSWORD_VARIABLE = "STREAM_DOCTOR_PASSWORD"  # noqa: S105 - a name
SCENARIOS = (
    "timeout",
    "rate_limit",
    "server_error",
    "auth",
    "forbidden",
    "not_found",
    "cut",
    "malformed",
    "slow",
    "silent",
)


def parser() -> argparse.ArgumentParser:
    """All that it takes."""
    made = argparse.ArgumentParser(
        prog="stream-doctor",
        description="Says what a chatapp deployment, and all that is on the way to it, does to streams.",
        epilog="Exit status: 0 all is well, 1 something is wrong, 2 it cannot be reached or was asked wrongly.",
        allow_abbrev=False,
    )
    made.add_argument("url", metavar="URL", help="the deployment's address, such as https://chat.example.org")
    made.add_argument(
        "--token", help=f"an API token; or in {TOKEN_VARIABLE}, where other users cannot see it"
    )
    made.add_argument("--email", help="signs in with a password instead")
    made.add_argument("--password", help=f"or in {PASSWORD_VARIABLE}; asked for where neither gives it")
    made.add_argument("--message", default="", help="another message to send")
    made.add_argument(
        "--heartbeat", action="store_true", help="also asks for a silence; the server needs CHATAPP_FAULTS=1"
    )
    made.add_argument(
        "--scenario", choices=SCENARIOS, default="", help="makes the message fail; CHATAPP_FAULTS=1 likewise"
    )
    made.add_argument(
        "--patience", type=_patience, default=120.0, metavar="S", help="seconds for one answer; 120"
    )
    made.add_argument(
        "--cafile", help="certificates of the authorities to trust, as PEM, instead of the machine's"
    )
    made.add_argument("--json", action="store_true", help="prints a report for programs")
    return made


def _patience(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("more than 0, at most 86400")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; the exit status."""
    _write_utf_8()
    try:
        given = parser().parse_args(arguments)
    except SystemExit as done:  # it has said why
        return int(done.code or 0)
    report = Report(_silent if given.json else _say)
    status = _run(given, report)
    if given.json:
        _say(report.json())
    elif status in (WELL, WRONG):
        _say(f"\n{report.conclusion}")
    return status


def _run(given: argparse.Namespace, report: Report) -> int:
    try:
        wishes = _wishes(given)
        site = Site(Address.of(given.url), _tls(given.cafile), given.patience, _token(given))
        examine(site, wishes, report)
    except Trouble as trouble:
        report.wrong(str(trouble))
        return NOT_REACHED
    except KeyboardInterrupt:
        return BROKEN_OFF
    return WRONG if report.wrongs else WELL


def _wishes(given: argparse.Namespace) -> Wishes:
    password = ""
    if given.email:
        password = given.password or os.environ.get(PASSWORD_VARIABLE) or _asked()
    return Wishes(given.email or "", password, given.message, given.scenario, given.heartbeat)


def _asked() -> str:
    try:
        return getpass.getpass("Password: ")
    except (EOFError, OSError):
        raise Trouble("it needs a password, and nobody gives one") from None


def _token(given: argparse.Namespace) -> str:
    token = "" if given.email else given.token or os.environ.get(TOKEN_VARIABLE, "")
    if not token and not given.email:
        raise Trouble("it needs --token or --email to sign in")
    return str(token).strip()


def _tls(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ValueError) as error:
        raise Trouble(f"--cafile cannot be read: {plain(error)}") from None


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is what it is for


def _silent(_line: str) -> None:
    """For programs, which read the report at the end."""


def _write_utf_8() -> None:
    """Where a terminal has another encoding, the marks become what it has rather than an error."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def run() -> NoReturn:
    """For a file that is a program of its own."""
    sys.exit(main())
