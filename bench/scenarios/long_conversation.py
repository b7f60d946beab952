"""What one message costs in a long conversation, beside a short one."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api import Api
from bench.bar_chart import bar_chart
from bench.contender import Chatapp
from bench.conversation import hold
from bench.mark import LONG_CONVERSATION
from bench.process import SETTLE_S, PinnedProcess
from bench.section import Chart, Section
from bench.stand import ONE_TOKEN, Stand, warm_up
from bench.table import share, spread, table


@dataclass(frozen=True, slots=True)
class Plan:
    """How many messages the conversations hold, and how many are posted to each kind in a round."""

    short: int
    long: int
    posts: int


FULL = Plan(short=5, long=5000, posts=200)
TINY = Plan(short=5, long=50, posts=3)


@dataclass(frozen=True, slots=True)
class Result:
    """Posting to one kind in one round; the server's CPU and the time, in seconds."""

    round: int
    messages: int
    posts: int
    server_s: float
    seconds: float

    @property
    def ms_per_post(self) -> float:
        return self.server_s / self.posts * 1000


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    results = measure(folder, rounds, TINY if tiny else FULL)
    return Section(report(results), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, []) as stand:
        # As many earlier messages are sent along as the short ones have: what is compared is the length alone.
        chatapp = stand.chatapp("chatapp", {"CHATAPP_HISTORY_MESSAGES": str(plan.short)})
        process = chatapp.process()
        with chatapp.database() as database:
            # A short one is posted to once: it would not stay short.
            short = hold(database, plan.short, rounds * plan.posts)
            long = hold(database, plan.long) * plan.posts
        with process:
            warm_up(chatapp)
            return [
                _measure(number, messages, sessions, chatapp, process)
                for number in range(1, rounds + 1)
                for messages, sessions in (
                    (plan.short, short[(number - 1) * plan.posts : number * plan.posts]),
                    (plan.long, long),
                )
            ]


def _measure(
    number: int, messages: int, sessions: Sequence[str], chatapp: Chatapp, process: PinnedProcess
) -> Result:
    """Posts once to each of the conversations, and waits for the end of each answer's stream."""
    sys.stderr.write(f"round {number}: {len(sessions)} posts to conversations of {messages} messages\n")
    began, used_s = time.monotonic(), process.cpu_s()
    with Api(chatapp.port, chatapp.headers) as api:
        for session_id in sessions:
            api.hear(api.start_turn(ONE_TOKEN, session_id))
    seconds = time.monotonic() - began
    time.sleep(SETTLE_S)
    return Result(number, messages, len(sessions), process.cpu_s() - used_s, seconds)


_HEADING = (
    "## What a message costs in a long conversation\n\n"
    "One client posts a message, follows its turn to the end, and posts the next; the answer is one token long. CPU is "
    "all that the server used, both requests included. Each short conversation is posted to once, the long one each "
    "time; both send the same number of earlier messages along.\n"
)
_ONE_CLIENT = (
    "The one client waits for each answer before it posts again: its pace is in the time, not in the CPU.\n"
)
_HEAD = ("messages before", "CPU ms per message", "× short", "ms per message", "server's core")


def report(results: Sequence[Result]) -> str:
    sizes = sorted({result.messages for result in results})
    short, long = sizes[0], sizes[-1]
    rows = [_row(size, short, results) for size in sizes]
    line = LONG_CONVERSATION.line(_ratios(long, short, results), f"{long:,} messages and {short}")
    return "\n".join([_HEADING, table(_HEAD, rows), line, _ONE_CLIENT])


def chart(results: Sequence[Result]) -> Chart:
    bars = [
        (f"after {size:,} messages", [result.ms_per_post for result in results if result.messages == size])
        for size in sorted({result.messages for result in results})
    ]
    title = "What a message costs in a long conversation"
    return Chart("message", title, bar_chart(title, "CPU ms per message", bars))


def _row(size: int, short: int, results: Sequence[Result]) -> Sequence[str]:
    own = [result for result in results if result.messages == size]
    return (
        f"{size:,}",
        spread(result.ms_per_post for result in own),
        spread(_ratios(size, short, results)),
        spread(result.seconds / result.posts * 1000 for result in own),
        share(result.server_s / result.seconds for result in own),
    )


def _ratios(size: int, short: int, results: Sequence[Result]) -> list[float]:
    """Of the CPU per message, each to the short conversations' of the same round."""
    ones = {result.round: result.ms_per_post for result in results if result.messages == short}
    return [result.ms_per_post / ones[result.round] for result in results if result.messages == size]
