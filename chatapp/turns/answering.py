"""Answering: what a process needs in order to answer turns, and what runs in it beside the turns themselves."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from gevent.lock import RLock

from chatapp.config import Settings
from chatapp.errors import Unavailable, UpstreamFailure
from chatapp.store.database import Database, DatabaseUnavailable
from chatapp.streaming.heartbeat import Heartbeat
from chatapp.streaming.redis_logs import RedisLogs
from chatapp.streaming.shared_logs import PrivateLogs, SharedLogs
from chatapp.telemetry.log import log, warn
from chatapp.turns import checkpoint, owner
from chatapp.turns.checkpoint import Checkpoint
from chatapp.turns.ending import interrupted
from chatapp.turns.estimate import Estimates
from chatapp.turns.listeners import Listeners
from chatapp.turns.owner import ProcessOwner
from chatapp.turns.patience import Patience
from chatapp.turns.record import TurnRecord
from chatapp.turns.recover import Recovery
from chatapp.turns.running_turns import RunningTurns
from chatapp.turns.start import TurnStart
from chatapp.turns.stop_requests import StopRequests
from chatapp.turns.ticker import end_all, every
from chatapp.turns.turns import Turns
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from chatapp.upstream.admission import Admission, Limits
from chatapp.upstream.catalogue import Catalogue
from chatapp.upstream.client import Upstream
from chatapp.upstream.failures import INTERRUPTED
from chatapp.upstream.prices import Prices
from chatapp.upstream.simulator.server import SimulatorServer

_CATALOGUE_S = 60.0
_STOP_S = 10.0


class Answering:
    """The running part of a serving process. Commands never start it, and so never touch what a server owns."""

    turns: Turns
    upstream: Upstream
    estimates: Estimates

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._owner = ProcessOwner(database, settings.data / "owners")
        self._recovery = Recovery(database, self._owner)
        self._running = RunningTurns()
        self.logs: SharedLogs = PrivateLogs()
        self._simulator: SimulatorServer | None = None
        self._tickers: list[gevent.Greenlet[..., None]] = []
        self._opened = False
        self._opening = RLock()
        self._failed_openings = 0
        self.upstream_ok = True
        # Commands have one too; they ask nobody, and it knows what the settings say.
        self.catalogue = Catalogue(settings, self._listed_models)
        self.heartbeat = Heartbeat(settings.heartbeat_ms / 1000)

    def start(self) -> None:
        """Starts what runs beside the turns. A second call does nothing."""
        if self._tickers:
            return
        upstream = self.upstream = self._connect()
        record = TurnRecord(self._database, self._owner.id)
        start = TurnStart(self._database, self.catalogue, self._owner.id, self._settings.history_messages)
        prices = Prices.load(self._settings.prices)
        self.estimates = Estimates(start, prices, self._settings.max_output_tokens)
        stops = StopRequests(self._running, record)
        work = self._share_logs(stops)
        elsewhere = TurnsElsewhere(self._database, self.logs)
        self.turns = Turns(
            self._database,
            start,
            record,
            self._running,
            upstream,
            self._admission(),
            prices,
            elsewhere,
            self.logs,
        )
        listeners = Listeners(self._database, self._running, elsewhere, self._settings.abandon_s)
        patience = self._patience()
        self._tickers = [
            gevent.spawn(every, period_s, tick)
            for period_s, tick in (
                (self.heartbeat.period_s, self.heartbeat.tick),
                (patience.period_s, patience.tick),
                (checkpoint.PERIOD_S, Checkpoint(self._running, record).tick),
                (0.0, stops.wait_and_hear),
                (1.0, elsewhere.tick),
                (listeners.period_s, listeners.tick),
                (owner.RENEW_S, self._renew),
                (owner.LOOK_S, self._look_for_the_dead),
                (_CATALOGUE_S, self._refresh_catalogue),
            )
        ]
        self._tickers += map(gevent.spawn, (self._refresh_catalogue, *work))

    def ready(self) -> None:
        """Makes sure that turns whose process died have an end before anything is answered. Raises
        DatabaseUnavailable while that cannot be done."""
        self.start()
        if self._opened:
            return
        failed = self._failed_openings
        with self._opening:
            if self._failed_openings != failed:
                raise DatabaseUnavailable  # somebody tried in vain while we waited; we need not wait as long again
            if not self._opened:
                self._open()

    def _open(self) -> None:
        try:
            self._owner.open()
            self._recovery.run()
        except Unavailable:
            self._failed_openings += 1
            raise
        self._opened = True

    @property
    def busy(self) -> bool:
        """Whether a turn still runs in this process, or has an end that could not be saved yet."""
        return bool(self._running.unfinished())

    def drain(self) -> None:
        """Takes no new turns from now on."""
        if self._tickers:
            self.turns.draining = True

    def stop(self) -> None:
        """Ends what still runs as interrupted, with its text, and gives up the lease."""
        if not self._tickers:
            return
        self.drain()
        for turn in self._running.running():
            turn.stop(interrupted(INTERRUPTED.failure()))
        patience_ends = time.monotonic() + _STOP_S
        while self._running.unfinished() and time.monotonic() < patience_ends:
            gevent.sleep(0.02)
        self.logs.close()
        end_all(self._tickers)
        self._tickers = []
        self._let_go()

    def _share_logs(self, stops: StopRequests) -> tuple[Callable[[], None], ...]:
        """Redis, when processes are to share their logs; what has to run for it."""
        if self._settings.redis_url is None:
            return ()
        logs = RedisLogs(self._settings.redis_url.get_secret_value(), self._owner.id, stops.nudge)
        self.logs = logs
        return logs.work

    def _connect(self) -> Upstream:
        """Upstream, or the simulator in its place: a server of this process, behind the same client."""
        if not self._settings.simulated:
            return Upstream(self._settings)
        self._simulator = SimulatorServer.private()
        self._simulator.start()
        log("Simulated model", reason="neither OPENAI_API_KEY nor OPENAI_BASE_URL is set")
        return Upstream(self._settings, base_url=self._simulator.base_url, api_key=self._simulator.api_key)

    def _admission(self) -> Admission:
        settings = self._settings
        most = settings.most_upstream_streams
        return Admission(Limits(most, settings.upstream_per_user, settings.upstream_per_turn))

    def _patience(self) -> Patience:
        settings = self._settings
        return Patience(
            self._running,
            first_token_s=settings.first_token_s,
            silence_s=settings.silence_s,
            abandon_s=settings.abandon_s,
        )

    def _renew(self) -> None:
        if self._opened:
            self._owner.renew()
            self._recovery.end_forgotten(self._is_answered)
            self._running.forget_old()

    def _look_for_the_dead(self) -> None:
        if self._opened:
            self._recovery.run()

    def _is_answered(self, turn_id: str) -> bool:
        return any(turn.id == turn_id for turn in self._running.unfinished())

    def _listed_models(self) -> tuple[str, ...]:
        return self.upstream.models()

    def _refresh_catalogue(self) -> None:
        try:
            self.catalogue.refresh()
            self.upstream_ok = True
        except UpstreamFailure as failure:
            self.upstream_ok = False
            warn("Models not listed", code=failure.error_code)

    def _let_go(self) -> None:
        try:
            self._owner.close()
        except Unavailable:
            warn("Lease not given up", reason="the database cannot be reached")
        self.upstream.close()
        if self._simulator is not None:
            self._simulator.stop()
