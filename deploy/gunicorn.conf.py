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
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from chatapp.config import Settings, load_settings
from chatapp.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
LAST_WORDS_S = 30
"""Seconds after the drain in which streams that were cut say so and replies are saved."""
HEARTBEAT_S = 30
"""Seconds that the event loop may stand still before the master replaces the worker."""

_QUERY = re.compile(r"\?[^\s'\"]*")
_REPEATED = re.compile(r"(Invalid request from ip=\S+: [^:]*): .*", re.DOTALL)
"""What could not be parsed is repeated in the log: a header without its colon, or a body of no known length."""
_ORIGIN = re.compile(r"^\w+://[^/?#]*")


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
        return atoms | {"U": _ORIGIN.sub("", re.split(r"[?#]", str(environ["RAW_URI"]))[0])}

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().warning("%s", _without_queries(msg, args), **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().exception("%s", _without_queries(msg, args), **kwargs)


def _without_queries(msg: Any, args: tuple[Any, ...]) -> str:
    return _REPEATED.sub(r"\1", _QUERY.sub("?…", str(msg) % args if args else str(msg)))


def _forget_chatapp() -> None:
    """Drops the master's copy of chatapp's modules.

    Workers are forks of the master: a reload would give them the new code beside the old `chatapp.config`.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "chatapp"]:
        del sys.modules[name]


# Where each greenlet was started from is for debugging, and 2 KB of every stream.
gevent.config.track_greenlet_tree = False

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


class Farewell:
    """How a worker ends: no new turns, time for those that run, and the rest told in words.

    Gunicorn waits for open connections alone, and has no hook for the signal that starts that.
    """

    def __init__(self, worker: Any, extension: Any) -> None:
        self._worker = worker
        self._extension = extension
        # gunicorn closes its own descriptor before `worker_exit`, and would then take a farewell for a hang
        self._heartbeat = os.dup(worker.tmp.fileno())
        self._drained_at = float("inf")
        self.at_once = False

    def watch(self) -> None:
        """Ends the streams that outlast the drain, before gunicorn cuts them off without a word."""
        while self._worker.alive:
            gevent.sleep(0.5)
        self._extension.drain()
        self._drained_at = time.monotonic() + settings.drain_s
        gevent.sleep(settings.drain_s)
        self._extension.stop()

    def finish(self) -> None:
        """Lets turns run on that have no connection now, whose readers come back to the saved text."""
        heart = gevent.spawn(self._beat)
        while self._patient() and self._extension.busy:
            gevent.sleep(0.2)
        self._extension.stop()
        heart.kill()

    def _patient(self) -> bool:
        orphaned = os.getppid() != self._worker.ppid
        return not self.at_once and not orphaned and time.monotonic() < self._drained_at

    def _beat(self) -> None:
        """Does what `worker.notify` did: the master compares the file's time with the monotonic clock."""
        while True:
            os.utime(self._heartbeat, (time.monotonic(), time.monotonic()))
            gevent.sleep(1)


_farewell: Farewell | None = None
"""Of the worker that this process is."""


def post_worker_init(worker: Any) -> None:
    """Starts what the application runs beside requests; the standard library is patched by now."""
    global _farewell  # noqa: PLW0603  # gunicorn's hooks are plain functions, and a process is one worker
    from chatapp.errors import ConfigurationError as WorkersError  # noqa: PLC0415  # see _forget_chatapp

    extension = worker.wsgi.extensions["chatapp"]
    try:
        extension.start()
    except WorkersError as error:
        sys.exit(f"chatapp cannot start: {error.message}")
    _farewell = Farewell(worker, extension)
    gevent.spawn(_farewell.watch)


def worker_int(_worker: Any) -> None:
    """A quick stop waits for nobody."""
    if _farewell is not None:
        _farewell.at_once = True


def worker_abort(_worker: Any) -> None:
    """The master found that the event loop stood still: nothing in this process can be trusted to end well. The
    next worker finds its turns ownerless and ends them with the text that was saved."""
    os._exit(1)


def worker_exit(_server: Any, worker: Any) -> None:
    if _farewell is not None:
        _farewell.finish()
    if not worker.booted:
        _stop_the_server(sys.exc_info()[1])


def _stop_the_server(cause: BaseException | None) -> None:
    """Makes a worker that refused to start the end of the master, too; gunicorn would start it over and over."""
    if isinstance(cause, SystemExit) and isinstance(cause.code, str):
        sys.stderr.write(f"{cause.code}\n")
        sys.stderr.flush()
        raise SystemExit(Arbiter.WORKER_BOOT_ERROR)
