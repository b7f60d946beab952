"""What readers cost: the same turns with nobody, one, two and many who follow each of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api import Api
from bench.bar_chart import bar_chart
from bench.contender import Chatapp
from bench.limit import Usage, bullets, sentences
from bench.load import Heard, Load, OpenStreams
from bench.mark import SECOND_READER
from bench.process import SETTLE_S, PinnedProcess
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.table import share, spread, table


@dataclass(frozen=True, slots=True)
class Audience:
    """So many turns at once, each with so many readers."""

    turns: int
    readers: int

    @property
    def name(self) -> str:
        return f"{self.turns} turns, {self.readers} readers of each"


@dataclass(frozen=True, slots=True)
class Plan:
    """How each turn is answered, and for whom. Audiences are compared at the same number of turns."""

    reply: Load
    audiences: Sequence[Audience]


FULL = Plan(
    Load("a turn", streams=1, at_once=1, tokens=500, gap_ms=20, held=True),
    [Audience(20, 0), Audience(20, 1), Audience(20, 2), Audience(20, 5), Audience(4, 1), Audience(4, 50)],
)
TINY = Plan(
    Load("a turn", streams=1, at_once=1, tokens=10, gap_ms=20, held=True),
    [Audience(2, 0), Audience(2, 1), Audience(2, 2)],
)


@dataclass(frozen=True, slots=True)
class Result:
    """One audience in one round. Seconds of CPU: the server's for opening the readers, then everybody's from the time
    when all of them are there to the end, saving included."""

    round: int
    audience: Audience
    reply: Load
    heard: Heard | None
    opening_s: float
    server_s: float
    tools_s: float

    @property
    def us_per_token(self) -> float:
        """Of those that upstream produced, however many heard them."""
        return self.server_s / (self.audience.turns * self.reply.tokens) * 1e6

    @property
    def usage(self) -> Usage:
        shares = self.server_s / self.streaming_s, self.tools_s / self.streaming_s
        return Usage(*shares, self.streaming_s, self.streaming_s)

    @property
    def streaming_s(self) -> float:
        """How long the tokens of one turn take."""
        return self.reply.tokens * self.reply.gap_ms / 1000


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, [plan.reply]) as stand:
        chatapp = stand.chatapp("chatapp")
        with chatapp.process() as process:
            warm_up(chatapp)
            trial = _Trial(stand, chatapp, process, plan.reply)
            return [
                trial.run(number, audience) for number in range(1, rounds + 1) for audience in plan.audiences
            ]


@dataclass(frozen=True, slots=True)
class _Trial:
    stand: Stand
    chatapp: Chatapp
    process: PinnedProcess
    reply: Load

    def run(self, number: int, audience: Audience) -> Result:
        sys.stderr.write(f"round {number}: {audience.turns} turns, {audience.readers} readers of each\n")
        paths = self._start(audience.turns)
        posted_s = self.process.cpu_s()
        if not audience.readers:
            return self._result(number, audience, posted_s, None)
        with self._readers(audience, paths) as readers:
            return self._result(number, audience, posted_s, readers)

    def _start(self, turns: int) -> list[str]:
        """Where the new turns, which are silent yet, can be followed."""
        with Api(self.chatapp.port, self.chatapp.headers) as api:
            paths = [api.start_turn(self.reply) for _ in range(turns)]
        self.stand.upstream.wait_for_open(turns)
        return paths

    def _readers(self, audience: Audience, paths: Sequence[str]) -> OpenStreams:
        listed = self.stand.folder / "paths"
        listed.write_text("\n".join(paths), "utf-8")
        streams, most_s = audience.turns * audience.readers, self.reply.nominal_s * 4 + 60
        core, port, headers = self.stand.tools_core, self.chatapp.port, self.chatapp.headers
        return OpenStreams(core, port, headers, streams, most_s, "-l", str(listed))

    def _result(
        self, number: int, audience: Audience, posted_s: float, readers: OpenStreams | None
    ) -> Result:
        upstream = self.stand.upstream
        began_s, upstream_s = self.process.cpu_s(), upstream.cpu_s()
        upstream.release()
        heard = readers.hear(self.reply.tokens) if readers else None
        upstream.wait_for_open(0)
        time.sleep(SETTLE_S)
        tools_s = upstream.cpu_s() - upstream_s + (heard.cpu_s if heard else 0)
        server_s = self.process.cpu_s() - began_s
        return Result(number, audience, self.reply, heard, began_s - posted_s, server_s, tools_s)


_HEADING = (
    "## What readers cost\n\n"
    "Turns belong to their conversations; readers follow them from before the first token. CPU is what the server "
    "used from then to the end, saving included, divided by the tokens that upstream produced, or by the frames that "
    "readers received. What a further reader adds is compared with the turn of one reader in the same round.\n"
)
_HEAD = (
    "turns × 50 tokens/s",
    "readers of each",
    "CPU µs per token",
    "per frame",
    "each further reader adds, µs per token",
    "× one reader",
    "CPU ms to open a reader",
    "ms of delay, p99",
    "server's core",
    "tools' core",
)


def report(results: Sequence[Result]) -> str:
    audiences = list(dict.fromkeys(result.audience for result in results))
    rows = [_row(audience, results) for audience in audiences]
    parts = [_HEADING, table(_HEAD, rows)]
    pairs = [each for each in audiences if each.readers == 2]
    seconds = [of_one for audience in pairs for _, of_one in _added(audience, results)]
    parts += [SECOND_READER.line(seconds), bullets(_limits(audiences, results))]
    return "\n".join(filter(None, parts))


def _limits(audiences: Sequence[Audience], results: Sequence[Result]) -> list[str]:
    return [
        sentence
        for audience in audiences
        for sentence in sentences(
            audience.name, [result.usage for result in results if result.audience == audience]
        )
    ]


def chart(results: Sequence[Result]) -> Chart:
    bars = [
        (audience.name, [result.us_per_token for result in results if result.audience == audience])
        for audience in dict.fromkeys(result.audience for result in results)
    ]
    title = "What a token costs with so many readers"
    return Chart("token", title, bar_chart(title, "CPU µs per token", bars))


def _row(audience: Audience, results: Sequence[Result]) -> Sequence[str]:
    own = [result for result in results if result.audience == audience]
    added = _added(audience, results)
    heard = [(result, result.heard) for result in own if result.heard]
    return (
        f"{audience.turns}",
        f"{audience.readers}",
        spread(result.us_per_token for result in own),
        spread(result.server_s / each.tokens * 1e6 for result, each in heard) if heard else "",
        spread(us for us, _ in added) if added else "",
        spread(of_one for _, of_one in added) if added else "",
        spread(result.opening_s / each.done * 1000 for result, each in heard) if heard else "",
        spread(each.delay_p99_ms for _, each in heard) if heard else "",
        share(result.server_s / result.streaming_s for result in own),
        share(result.tools_s / result.streaming_s for result in own),
    )


def _added(audience: Audience, results: Sequence[Result]) -> list[tuple[float, float]]:
    """What each reader after the first adds to a token: in µs, and of the token's cost with one reader."""
    if audience.readers < 2:
        return []
    ones = {
        result.round: result.us_per_token
        for result in results
        if result.audience == Audience(audience.turns, 1)
    }
    own = {result.round: result.us_per_token for result in results if result.audience == audience}
    further = {
        number: (own[number] - ones[number]) / (audience.readers - 1) for number in own if number in ones
    }
    return [(us, us / ones[number]) for number, us in further.items()]
