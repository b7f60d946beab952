"""Is it chatapp, does it let us in, and does it answer mistakes as it should, also where a proxy does."""

from __future__ import annotations

import re
from collections.abc import Callable

from chatapp.doctor.plain import plain, seconds
from chatapp.doctor.remedies import NO_SIGN_IN
from chatapp.doctor.report import Report
from chatapp.doctor.site import Answer, Site
from chatapp.doctor.trouble import Unfit, Unreachable

_REQUEST_ID = re.compile(r"req_[A-Za-z0-9]{8,64}")
_CHAT = "/api/v1/chat"
OVER_EVERY_LIMIT = 1_200_000
"""Bytes of a body that the application and both shipped proxies refuse."""


def is_chatapp(site: Site, report: Report) -> bool:
    """Whether to go on. Raises Unreachable when nobody answers."""
    try:
        answer = site.ask("GET", "/api/health", signed_in=False).demand(200)
        if answer.object() != {"status": "ok"}:
            raise Unfit("the answer is another than chatapp's")
    except Unreachable:
        raise
    except Unfit as unfit:
        report.wrong(f"/api/health: {unfit}")
        return False
    report.well(f"/api/health answers, after {seconds(answer.took_s)}")
    return True


def readiness(site: Site, report: Report) -> bool:
    """Tells what `/api/ready` says; whether the model is simulated."""
    try:
        answer = site.ask("GET", "/api/ready", signed_in=False)
        found = answer.object()
        checks = found["checks"]
        details = [f"{plain(name, 20)}: {_told(check)}" for name, check in checks.items()]
        simulated = checks["upstream"].get("simulated") is True
    except (Unfit, KeyError, AttributeError, TypeError) as error:
        report.wrong(
            f"/api/ready: {error if isinstance(error, Unfit) else 'the answer is another than chatapp’s'}"
        )
        return False
    if answer.status == 200:
        report.well("/api/ready: ready", details)
    else:
        report.wrong(f"/api/ready: {plain(found.get('status'))} ({answer.status})", details)
    return simulated


def _told(check: dict[str, object]) -> str:
    state = "ok" if check.get("ok") is True else f"not ok. {plain(check.get('reason', ''))}"
    return f"{state}, simulated" if check.get("simulated") is True else state


def signed_in(site: Site, report: Report, email: str, password: str) -> bool:
    """Signs in where an e-mail is given, and tells whether the token works."""
    try:
        if email:
            body = {"email": email, "password": password}
            site.token = (
                site.ask("POST", "/api/v1/auth/token", body, signed_in=False).demand(200).text("token")
            )
            report.well("e-mail and password give a token")
        answer = site.ask("GET", "/api/v1/auth/ping").demand(200)
        if answer.object().get("ok") is not True:
            raise Unfit("the answer is another than chatapp's")
    except Unfit as unfit:
        report.wrong(f"signing in: {unfit}", remedies=() if email else NO_SIGN_IN)
        return False
    report.well(f"the token works, after {seconds(answer.took_s)}")
    return True


def mistakes(site: Site, report: Report) -> None:
    """Whether errors have their shape."""
    missing = "/api/v1/turns/there-is-none/stream"
    _mistake(report, "without a sign-in", 401, lambda: site.ask("POST", _CHAT, {}, signed_in=False))
    _mistake(report, "a body that is no JSON", 400, lambda: site.ask("POST", _CHAT, raw=b'{"message": '))
    _mistake(report, "a message that is none", 422, lambda: site.ask("POST", _CHAT, {"message": " "}))
    _mistake(report, "a turn that is not there", 404, lambda: site.ask("GET", missing))
    _mistake(report, "a path that is not there", 404, lambda: site.ask("GET", "/api/v1/there-is-none"))
    too_large = b'"' + b" " * OVER_EVERY_LIMIT + b'"'
    _mistake(report, "a body that is too large", 413, lambda: site.ask("POST", _CHAT, raw=too_large))


def _mistake(report: Report, what: str, status: int, ask: Callable[[], Answer]) -> None:
    try:
        flaw = _flaw(ask().demand(status))
    except Unfit as unfit:
        flaw = str(unfit)
    report.judge(not flaw, f"{what}: {status}, in the API's shape", f"{what}: {flaw}")


def _flaw(answer: Answer) -> str:
    """What is wrong with the shape of an error, or nothing."""
    found = answer.object()
    if not all(isinstance(found.get(name), str) for name in ("code", "message", "request_id")):
        return f"{answer.status}, and not the API's code, message and request_id"
    if not _REQUEST_ID.fullmatch(found["request_id"]):
        return f"{answer.status}, and its request_id is none"
    return ""
