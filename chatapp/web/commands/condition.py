"""The condition of this installation, as a command can see it: it starts nothing, and changes nothing."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from chatapp.config import Settings
from chatapp.doctor.report import Report
from chatapp.errors import Unavailable, UpstreamFailure
from chatapp.store.database import Database
from chatapp.store.migration import is_current
from chatapp.streaming.redis_entry import REDIS_FAILURES
from chatapp.upstream.client import Upstream, address_of, shown_address

_PACKAGES = ("flask", "gunicorn", "gevent", "openai", "sqlalchemy", "redis")
_REDIS_S = 3
_LONG_HEARTBEAT_MS = 30_000
"""Half of what proxies and load balancers allow, as they come."""


def tell_settings(settings: Settings, report: Report) -> None:
    """What the settings come to, and what of it is hardly meant."""
    where = "Redis" if settings.redis_url else "this process's memory"
    report.well(
        f"{settings.env}; listens at {settings.host}:{settings.port} with "
        f"{settings.web_concurrency} worker(s); streams are shared through {where}",
        [f"data: {settings.data}", f"registration: {'open' if settings.registration_open else 'closed'}"],
    )
    if not os.access(settings.data, os.W_OK):
        report.wrong("CHATAPP_DATA cannot be written to by this user")
    if settings.production and settings.faults:
        report.wrong("CHATAPP_FAULTS=1 in production: anybody signed in can make answers fail")
    if settings.production and not settings.trusted_proxies:
        report.unknown("CHATAPP_TRUSTED_PROXIES is 0: behind a proxy, every reader has the proxy's address")
    if settings.heartbeat_ms > _LONG_HEARTBEAT_MS:
        report.wrong(
            "OPENAI_SSE_HEARTBEAT_MS is over 30000: much that is on the way hangs up after 60 s of silence"
        )


def tell_database(database: Database, report: Report) -> None:
    """Whether it is reached and has the tables of this version."""
    try:
        database.check()
        current = is_current(database)
        kind = _kind(database)
    except Unavailable as error:
        report.wrong(
            f"database: {error.message}", remedies=["Look at DATABASE_URL, and at the database itself."]
        )
        return
    if current:
        report.well(f"database: {kind}, its tables are those of this version")
    else:
        report.wrong(
            f"database: {kind}, its tables are not up to date",
            remedies=["Run `flask --app wsgi db upgrade`."],
        )


def _kind(database: Database) -> str:
    if database.on_sqlite:
        return f"SQLite {sqlite3.sqlite_version}"
    with database.read() as connection:
        return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}"


def tell_redis(settings: Settings, report: Report) -> None:
    """Whether it answers, where it is configured."""
    if settings.redis_url is None:
        return
    try:
        with Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_connect_timeout=_REDIS_S,
            socket_timeout=_REDIS_S,
            retry=Retry(NoBackoff(), 0),
        ) as redis:
            found: object = redis.info("server")
    except (*REDIS_FAILURES, ValueError) as error:
        report.wrong(
            f"Redis: cannot be reached ({type(error).__name__})",
            remedies=[
                "Look at REDIS_URL. Chats go on without Redis; readers of other processes are 1 s behind."
            ],
        )
        return
    told = found.get("redis_version", "") if isinstance(found, dict) else ""
    report.well(f"Redis: answers, version {told}")


def tell_upstream(settings: Settings, report: Report) -> None:
    """Whether it lists its models; the simulator is not asked."""
    if settings.simulated:
        report.well("upstream: simulated, because neither OPENAI_API_KEY nor OPENAI_BASE_URL is set")
        return
    upstream, address = Upstream(settings), shown_address(address_of(settings, None))
    try:
        models = upstream.models()
    except UpstreamFailure as failure:
        report.wrong(
            f"upstream: {address} lists no models ({failure.error_code})",
            remedies=["`flask --app wsgi doctor key` says why."],
        )
    else:
        report.well(f"upstream: {address} lists {len(models)} models")
    finally:
        upstream.close()


def tell_versions(report: Report) -> None:
    """What a report of a fault should name."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    report.well(f"Python {platform.python_version()} on {platform.system()}; {packages}")
