"""All that the tester does, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatapp.doctor.answer_check import is_chatapp, mistakes, readiness, signed_in
from chatapp.doctor.chat_check import chat
from chatapp.doctor.heartbeats import silence
from chatapp.doctor.report import Report
from chatapp.doctor.resume_check import cancel, resume
from chatapp.doctor.site import Site
from chatapp.doctor.tidying import tidy
from chatapp.doctor.trouble import Trouble

MESSAGE = (
    "This is a test of a stream. Please write about 250 words about lighthouses. "
    "(A simulated model: simulate 200 tokens.)"
)
_SHORT = "This is a test of a stream. Please write about 100 words about ships. (simulate 80 tokens)"
_SHORTEST = "This is a test of a failure. (simulate 12 tokens)"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who runs it wants. With a `scenario` only the message is sent, and made to fail."""

    email: str = ""
    password: str = ""
    message: str = ""
    scenario: str = ""
    heartbeat: bool = False


def examine(site: Site, wishes: Wishes, report: Report) -> None:
    """Raises Unreachable when nobody answers at all. Whatever it made on the server is removed at the end."""
    report.title(f"{site.address}")
    if not is_chatapp(site, report):
        return
    simulated = readiness(site, report)
    report.title("signing in")
    if site.address.in_the_clear:
        report.unknown("without https, whoever is on the way can read the token and what is said")
    if not signed_in(site, report, wishes.email, wishes.password):
        return
    try:
        _examine_streams(site, wishes, report, simulated=simulated)
    finally:
        report.title("tidying up")
        tidy(site, report)


def _examine_streams(site: Site, wishes: Wishes, report: Report, *, simulated: bool) -> None:
    def send(message: str) -> None:
        chat(site, report, message, scenario=wishes.scenario, simulated=simulated)

    if wishes.scenario:
        _part(report, f"a message, with {wishes.scenario}", lambda: send(wishes.message or _SHORTEST))
        return
    short = wishes.message or _SHORT
    _part(report, "mistakes", lambda: mistakes(site, report))
    _part(report, "a message", lambda: send(wishes.message or MESSAGE))
    if wishes.heartbeat:
        _part(report, "silence", lambda: silence(site, report, _SHORTEST))
    _part(report, "resuming", lambda: resume(site, report, short))
    _part(report, "stopping", lambda: cancel(site, report, wishes.message or MESSAGE))


def _part(report: Report, title: str, carry_out: Callable[[], None]) -> None:
    """One part, whose trouble does not keep the next from being tried."""
    report.title(title)
    try:
        carry_out()
    except Trouble as trouble:
        report.wrong(str(trouble))
