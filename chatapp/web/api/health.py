"""Health and readiness."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response

from chatapp.errors import Unavailable
from chatapp.store.migration import is_current
from chatapp.web.access import touches_nothing
from chatapp.web.services import services

blueprint = Blueprint("health", __name__, url_prefix="/api")


@blueprint.get("/health")
@touches_nothing
def health() -> Response:
    """Whether this process answers at all."""
    return jsonify(status="ok")


@blueprint.get("/ready")
@touches_nothing
def ready() -> Response:
    """Whether this process can do its work, and what is in the way."""
    checks = {"database": _database(), **_redis(), "upstream": _upstream()}
    is_ready = all(check["ok"] for check in checks.values()) and not services().answering.turns.draining
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return make_response(jsonify(body), 200 if is_ready else 503)


def _database() -> dict[str, Any]:
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


def _redis() -> dict[str, dict[str, Any]]:
    """Only where it is configured. Without it chats go on; readers who reach another process are told second-hand."""
    if services().settings.redis_url is None:
        return {}
    services().answering.start()
    try:
        services().answering.logs.check()
    except Unavailable as error:
        return {"redis": {"ok": False, "reason": error.message}}
    return {"redis": {"ok": True}}


def _upstream() -> dict[str, Any]:
    """Upstream is not called: a check every few seconds would spend its limits. It is well until it lists no
    models when it was last asked in the background."""
    answering = services().answering
    answering.start()
    return {"ok": answering.upstream_ok, "simulated": answering.upstream.simulated}
