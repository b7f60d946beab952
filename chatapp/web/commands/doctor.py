"""What is wrong: with this installation, with its key, with streams on their way to readers."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from chatapp.doctor.command_line import WELL, WRONG, main
from chatapp.doctor.one_file import write_file
from chatapp.doctor.report import Report
from chatapp.errors import ConfigurationError
from chatapp.upstream.client import shown_address
from chatapp.upstream.key_check import KeyCheck, Told
from chatapp.upstream.simulator.fault import Fault
from chatapp.upstream.simulator.server import SimulatorServer
from chatapp.web.commands.condition import (
    tell_database,
    tell_redis,
    tell_settings,
    tell_upstream,
    tell_versions,
)
from chatapp.web.services import services


@click.group("doctor", cls=AppGroup, invoke_without_command=True)
@click.pass_context
@with_appcontext
def doctor(context: click.Context) -> None:
    """Says what is wrong. Without a command: with this installation."""
    if context.invoked_subcommand is None:
        context.exit(_examine_installation(Report(click.echo)))


def _examine_installation(report: Report) -> int:
    settings = services().settings
    report.title("settings")
    tell_settings(settings, report)
    report.title("what GET /api/ready would say")
    tell_database(services().database, report)
    tell_redis(settings, report)
    tell_upstream(settings, report)
    report.title("versions")
    tell_versions(report)
    return _conclude(report)


def _conclude(report: Report) -> int:
    """Ends the report; the exit status."""
    click.echo(f"\n{report.conclusion}")
    return WRONG if report.wrongs else WELL


@doctor.command("key")
@click.option(
    "--scenario",
    type=click.Choice([fault.value for fault in Fault]),
    help="Makes the simulated model fail so.",
)
@click.pass_context
def check_key(context: click.Context, scenario: str | None) -> None:
    """Asks upstream what the configured key may do."""
    report = Report(click.echo)
    settings = services().settings
    simulator = SimulatorServer.private() if settings.simulated else None
    try:
        if simulator is None:
            check = KeyCheck(settings)
        else:
            simulator.start()
            check = KeyCheck(
                settings, base_url=simulator.base_url, api_key=simulator.api_key, scenario=scenario or ""
            )
        report.title("the simulated model" if simulator else shown_address(check.address))
        for told in check.run():
            _tell(told, report)
    except ConfigurationError as error:
        raise click.ClickException(error.message) from None
    finally:
        if simulator is not None:
            simulator.stop()
    context.exit(_conclude(report))


def _tell(told: Told, report: Report) -> None:
    if told.ok:
        report.well(told.sentence)
    elif told.ok is None:
        report.unknown(told.sentence, [told.advice])
    else:
        report.wrong(told.sentence, remedies=[told.advice])


@doctor.command("stream", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="URL")
@click.pass_context
def test_stream(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Tests the streams of a deployment; --help lists its options."""
    context.exit(main(arguments))


@doctor.command("file")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def make_file(path: Path) -> None:
    """Writes the stream tester as one file, which Python runs without chatapp."""
    try:
        write_file(path)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    click.echo(f"python3 {path} URL --token TOKEN")
