"""What it costs to look: the signed-in user, a page of conversations, a page of messages, with few of them and with
many; and what it costs to validate a message."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api import Api
from bench.bar_chart import bar_chart
from bench.contender import EMAIL, Chatapp
from bench.mark import READS, VALIDATION
from bench.owned import Owned, own
from bench.process import SETTLE_S, PinnedProcess, on_core
from bench.section import Chart, Section
from bench.stand import Stand, warm_up
from bench.table import spread, table
from bench.validation import Validated, validate

PAGE = 4
"""Items in each page, so that who has many is told as much as who has few."""
MANY_EMAIL = "many@example.org"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many conversations, and messages in one of them, the two users have; how often each request is made in a
    round; how often each message is validated."""

    few: int
    many: int
    requests: int
    validations: int


FULL = Plan(few=10, many=100_000, requests=2000, validations=2000)
TINY = Plan(few=10, many=40, requests=3, validations=3)


@dataclass(frozen=True, slots=True)
class Result:
    """One kind of request in one round, by who has `held` conversations and messages; seconds."""

    round: int
    request: str
    held: int
    requests: int
    server_s: float
    seconds: float

    @property
    def us_per_request(self) -> float:
        return self.server_s / self.requests * 1_000_000


def section(folder: Path, rounds: int, *, tiny: bool = False) -> Section:
    plan = TINY if tiny else FULL
    results = measure(folder, rounds, plan)
    validated = [each for _ in range(rounds) for each in validate(folder, plan.validations)]
    return Section(report(results, validated), [chart(results)])


def measure(folder: Path, rounds: int, plan: Plan) -> list[Result]:
    with Stand(folder, []) as stand:
        chatapp = stand.chatapp("chatapp")
        process = chatapp.process()
        headers = {plan.few: chatapp.headers, plan.many: chatapp.sign_up(MANY_EMAIL)}
        with chatapp.database() as database:
            owned = {
                plan.few: own(database, EMAIL, plan.few),
                plan.many: own(database, MANY_EMAIL, plan.many),
            }
        with process, on_core(stand.tools_core):
            warm_up(chatapp)
            return [
                _measure(number, request, path, held, headers[held], plan, (chatapp, process))
                for number in range(1, rounds + 1)
                for asked in zip(*(_requests(owned[held], held) for held in owned), strict=True)
                for held, request, path in asked
            ]


def _requests(owned: Owned, held: int) -> Iterator[tuple[int, str, str]]:
    """Who asks, what, and where."""
    messages = f"/api/v1/conversations/{owned.session_id}/messages"
    yield held, "the signed-in user", "/api/auth/user"
    yield held, "conversations, first page", f"/api/v1/conversations?limit={PAGE}"
    yield (
        held,
        "conversations, from the middle",
        f"/api/v1/conversations?limit={PAGE}&cursor={owned.middle_place}",
    )
    yield held, "messages, first page", f"{messages}?limit={PAGE}"
    yield held, "messages, from the middle", f"{messages}?limit={PAGE}&cursor={owned.middle_message}"


def _measure(
    number: int,
    request: str,
    path: str,
    held: int,
    headers: Mapping[str, str],
    plan: Plan,
    server: tuple[Chatapp, PinnedProcess],
) -> Result:
    """Makes the request over and over, on one connection."""
    sys.stderr.write(f"round {number}: {request}, {held:,}\n")
    chatapp, process = server
    with Api(chatapp.port, headers) as api:
        api.hear(path)
        began, used_s = time.monotonic(), process.cpu_s()
        for _ in range(plan.requests):
            api.hear(path)
        seconds = time.monotonic() - began
    time.sleep(SETTLE_S)
    return Result(number, request, held, plan.requests, process.cpu_s() - used_s, seconds)


_HEADING = (
    "## What it costs to look\n\n"
    f"One client asks, waits for the answer, and asks again; pages have {PAGE} items. One user has as many "
    "conversations as the table says, and in one of them as many messages. Requests per second of one core are what "
    "the CPU of a request leaves room for.\n"
)
_HEAD = (
    "request",
    "conversations, messages",
    "CPU µs per request",
    "requests/s of one core",
    "× with few",
    "ms per request",
)
_VALIDATION = (
    "### Validating a message\n\n"
    "From the body's bytes to the validated values, in a process of its own on a core: parsing included, the network "
    "not. The longest message is 4,000 emoji, each written as two escapes.\n"
)


def report(results: Sequence[Result], validated: Sequence[Validated]) -> str:
    requests = list(dict.fromkeys(result.request for result in results))
    sizes = sorted({result.held for result in results})
    rows = [_row(request, size, sizes[0], results) for request in requests for size in sizes]
    lines = [
        READS.line(_ratios(request, sizes[-1], sizes[0], results), f"{request}, {sizes[-1]:,} and {sizes[0]}")
        for request in requests
    ]
    messages = list(dict.fromkeys(each.message for each in validated))
    times = {name: [each.us for each in validated if each.message == name] for name in messages}
    marks = [VALIDATION.line(figures, name) for name, figures in times.items()]
    measured = table(("message", "CPU µs"), [(name, spread(figures)) for name, figures in times.items()])
    return "\n".join([_HEADING, table(_HEAD, rows), *lines, _VALIDATION, measured, *marks])


def chart(results: Sequence[Result]) -> Chart:
    bars = [
        (f"{request}, {size:,}", _costs(request, size, results))
        for request in dict.fromkeys(result.request for result in results)
        for size in sorted({result.held for result in results})
    ]
    title = "What it costs to look, with few and with many"
    return Chart("requests", title, bar_chart(title, "CPU µs per request", bars))


def _row(request: str, size: int, few: int, results: Sequence[Result]) -> Sequence[str]:
    own_results = [each for each in results if (each.request, each.held) == (request, size)]
    costs = _costs(request, size, results)
    return (
        request,
        f"{size:,}",
        spread(costs),
        spread(1_000_000 / cost for cost in costs),
        spread(_ratios(request, size, few, results)),
        spread(each.seconds / each.requests * 1000 for each in own_results),
    )


def _costs(request: str, size: int, results: Sequence[Result]) -> list[float]:
    return [each.us_per_request for each in results if (each.request, each.held) == (request, size)]


def _ratios(request: str, size: int, few: int, results: Sequence[Result]) -> list[float]:
    """Each to the same request of the same round by who has few."""
    pairs = zip(_costs(request, size, results), _costs(request, few, results), strict=True)
    return [cost / least for cost, least in pairs]
