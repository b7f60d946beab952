"""Gunicorn's settings, all of them out of chatapp's own environment (docs/settings.md).

    gunicorn -c deploy/gunicorn.conf.py wsgi:app

A wrong setting stops the start here, in the master, before a worker exists that could fail over and over.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from dotenv import load_dotenv
from gunicorn.glogging import Logger

from chatapp.config import Settings, load_settings
from chatapp.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
LAST_WORDS_S = 30
"""Seconds after the drain in which streams that were cut say so and replies are saved."""
HEARTBEAT_S = 30
"""Seconds that the event loop may stand still before the master replaces the worker."""

_QUERY = re.compile(r"\?[^\s'\"]*")


def _settings() -> Settings:
    development = os.environ.get("CHATAPP_ENV", "development") == "development"
    if development and not os.environ.get("FLASK_SKIP_DOTENV"):
        load_dotenv(ROOT / ".env")
    try:
        return load_settings()
    except ConfigurationError as error:
        raise SystemExit(f"chatapp cannot start: {error.message}") from None


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's log without queries, which carry stream tokens, and without line breaks from the path."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        # gunicorn's %(U)s is percent-decoded: a client could write log lines of its own with %0A
        return atoms | {"U": str(environ["RAW_URI"]).partition("?")[0]}

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().warning("%s", _without_queries(msg, args), **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().exception("%s", _without_queries(msg, args), **kwargs)


def _without_queries(msg: Any, args: tuple[Any, ...]) -> str:
    return _QUERY.sub("?…", str(msg) % args if args else str(msg))


def _forget_chatapp() -> None:
    """Drops the master's copy of chatapp's modules.

    Workers are forks of the master: a reload would give them the new code beside the old `chatapp.config`.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "chatapp"]:
        del sys.modules[name]


settings = _settings()
_forget_chatapp()

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.web_concurrency
worker_class = "gevent"
worker_connections = settings.connections
preload_app = False  # the worker patches the standard library first, then loads the application
control_socket_disable = True  # it would open in the home folder, and nothing here uses it

# The worker gives a request's head `keepalive` seconds in all, so a head that dribbles is closed long before
# 120 s. A body's deadline is the application's.
keepalive = 65
timeout = HEARTBEAT_S
# Streams run on through a reload or a stop until CHATAPP_DRAIN_S; then the application ends them in words.
graceful_timeout = int(settings.drain_s) + LAST_WORDS_S

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# Only a proxy on this machine is believed, about one header, and never about the path.
forwarded_allow_ips = "127.0.0.1,::1"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
forwarder_headers = ""
header_map = "drop"

accesslog = "-"
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(M)sms %({x-request-id}o)s'
errorlog = "-"
logger_class = QuietLogger

_heartbeats: dict[int, int] = {}
"""A descriptor of each worker's heartbeat file that outlives gunicorn's own: see `worker_exit`."""


def post_worker_init(worker: Any) -> None:
    """Starts what the application runs beside requests; the standard library is patched by now."""
    extension = _extension(worker)
    if extension is None:
        return
    extension.start()
    _heartbeats[worker.pid] = os.dup(worker.tmp.fileno())
    gevent.spawn(_end_streams_when_drained, worker, extension)


def worker_exit(_server: Any, worker: Any) -> None:
    """Lets the application finish and save what still runs without a connection.

    Gunicorn has closed the worker's heartbeat file by now; its master would take a long farewell for a hang.
    """
    extension = _extension(worker)
    if extension is None:
        return
    heart = gevent.spawn(_beat, _heartbeats[worker.pid]) if worker.pid in _heartbeats else None
    try:
        extension.stop()
    finally:
        if heart is not None:
            heart.kill()


def _extension(worker: Any) -> Any:
    """The application's start and stop; None if the application never came to life."""
    return getattr(getattr(worker, "wsgi", None), "extensions", {}).get("chatapp")


def _end_streams_when_drained(worker: Any, extension: Any) -> None:
    """Ends the streams that outlast CHATAPP_DRAIN_S in words, before gunicorn cuts them off without any.

    Gunicorn has no hook for the signal that starts the drain, hence the look twice a second.
    """
    while worker.alive:
        gevent.sleep(0.5)
    gevent.sleep(settings.drain_s)
    extension.stop()


def _beat(descriptor: int) -> None:
    """Does what `worker.notify` did: the master compares the file's time with the monotonic clock."""
    while True:
        os.utime(descriptor, (time.monotonic(), time.monotonic()))
        gevent.sleep(1)
