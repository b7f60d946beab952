"""Health and readiness."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from flask import Blueprint, Response, jsonify, make_response
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from chatapp.errors import Unavailable
from chatapp.store.migration import is_current
from chatapp.web.access import touches_nothing
from chatapp.web.openapi.operation import Json, described
from chatapp.web.services import services

blueprint = Blueprint("health", __name__, url_prefix="/api")


@with_config(ConfigDict(extra="forbid"))
class Health(TypedDict):
    """This process answers."""

    status: Literal["ok"]


class Check(TypedDict):
    """One thing that is needed."""

    ok: bool
    reason: NotRequired[Annotated[str, Field(description="What is in the way.")]]


class UpstreamCheck(TypedDict):
    """How the last listing of models went, in the background."""

    ok: bool
    simulated: bool


class Checks(TypedDict):
    """What is needed."""

    database: Check
    redis: NotRequired[Annotated[Check, Field(description="Only where it is configured.")]]
    upstream: UpstreamCheck


class Readiness(TypedDict):
    """Whether everything is well."""

    status: Literal["ready", "not ready"]
    checks: Checks


RETRY_S = 5
"""Seconds after which it is worth another look."""
_READY: Readiness = {
    "status": "ready",
    "checks": {"database": {"ok": True}, "upstream": {"ok": True, "simulated": False}},
}
_NOT_READY: Readiness = {
    "status": "not ready",
    "checks": {
        "database": {"ok": False, "reason": "The database cannot be reached."},
        "upstream": {"ok": True, "simulated": False},
    },
}


@blueprint.get("/health")
@touches_nothing
@described({200: Json(Health, {"status": "ok"}, "Always.")})
def health() -> Response:
    """Whether this process answers at all.

    It touches nothing else, so balance load by it.
    """
    told: Health = {"status": "ok"}
    return jsonify(told)


@blueprint.get("/ready")
@touches_nothing
@described(
    {
        200: Json(Readiness, _READY, "Everything is well."),
        503: Json(Readiness, _NOT_READY, "Something is not, or the process is about to end."),
    }
)
def ready() -> Response:
    """Whether this process can do its work, and what is in the way."""
    checks: Checks = {"database": _database(), "upstream": _upstream()}
    redis = _redis()
    if redis is not None:
        checks["redis"] = redis
    is_well = checks["database"]["ok"] and checks["upstream"]["ok"] and (redis is None or redis["ok"])
    is_ready = is_well and not services().answering.turns.draining
    body: Readiness = {"status": "ready" if is_ready else "not ready", "checks": checks}
    if is_ready:
        return jsonify(body)
    return make_response(jsonify(body), 503, {"Retry-After": str(RETRY_S)})


def _database() -> Check:
    database = services().database
    try:
        database.check()
        if not is_current(database):
            return {
                "ok": False,
                "reason": "The tables are not up to date: run `flask --app wsgi db upgrade`.",
            }
        services().answering.ready()
    except Unavailable as error:
        return {"ok": False, "reason": error.message}
    return {"ok": True}


def _redis() -> Check | None:
    """Only where it is configured. Without it chats go on; readers who reach another process are told second-hand."""
    if services().settings.redis_url is None:
        return None
    services().answering.start()
    try:
        services().answering.logs.check()
    except Unavailable as error:
        return {"ok": False, "reason": error.message}
    return {"ok": True}


def _upstream() -> UpstreamCheck:
    """Upstream is not called: a check every few seconds would spend its limits. It is well until it lists no
    models when it was last asked in the background."""
    answering = services().answering
    answering.start()
    return {"ok": answering.upstream_ok, "simulated": answering.upstream.simulated}
