"""When API tokens were last used: to the minute, and beside the requests that use them."""

from __future__ import annotations

from datetime import datetime, timedelta

import gevent
from sqlalchemy import bindparam, or_, select, update

from chatapp.errors import Unavailable
from chatapp.store.account import ApiToken
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.telemetry.log import logger

RESOLUTION = timedelta(minutes=1)
_AT_ONCE = 100
_NOTED = 10_000
_DIE_S = 1.0

# Other processes note uses of the same token: who comes second within the minute finds nothing to write. A row that
# somebody is changing is left to them: several are written at once, and none may be waited for.
_NOTE = update(ApiToken).where(
    ApiToken.jti.in_(
        select(ApiToken.jti)
        .where(
            ApiToken.jti == bindparam("used"),
            or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= bindparam("before")),
        )
        .with_for_update(skip_locked=True, key_share=True)
    )
)
_NOTE = _NOTE.values(last_used_at=bindparam("moment"))


class LastUses:
    """Writes them in a greenlet, which lives while there is something to write. A write that fails is forgotten; the
    next use of its token tries again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, datetime] = {}
        self._written: frozenset[str] = frozenset()
        self._writer: gevent.Greenlet[[], None] | None = None

    def note(self, jti: str, before: datetime | None) -> None:
        """This token is used now; `before` is what its row says. Costs no more than a look where that is less than a
        minute ago."""
        moment = now()
        if before is not None and moment - before < RESOLUTION:
            return
        if jti in self._noted or jti in self._written or len(self._noted) >= _NOTED:
            return
        self._noted[jti] = moment
        if self._writer is None or self._writer.dead:
            self._writer = gevent.spawn(self._write_all)

    def stop(self) -> None:
        """Writes what was noted, for a second at most."""
        if self._writer is not None:
            self._writer.join(timeout=_DIE_S)
            self._writer.kill(timeout=_DIE_S)

    def _write_all(self) -> None:
        while self._noted:
            batch = {jti: self._noted.pop(jti) for jti in list(self._noted)[:_AT_ONCE]}
            self._written = frozenset(batch)
            try:
                self._write(batch)
            except Unavailable:
                pass  # the log has it from whoever raised it
            except Exception:  # noqa: BLE001 - those that wait behind it are written all the same
                logger.exception("Background work failed", extra={"work": "LastUses.write"})
            finally:
                self._written = frozenset()

    def _write(self, batch: dict[str, datetime]) -> None:
        rows = [
            {"used": jti, "moment": moment, "before": moment - RESOLUTION} for jti, moment in batch.items()
        ]
        with self._database.write() as connection:
            connection.execute(_NOTE, rows)
