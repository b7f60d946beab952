"""Usage as the pages tell it: of one reply, and of all replies to a message. What is not known is left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from chatapp.web.pages.amount import count, dollars, duration

_BETWEEN = " · "


class Used(Protocol):
    """What is known of a reply's usage; None is what is not."""

    @property
    def tokens_in(self) -> int | None: ...

    @property
    def tokens_out(self) -> int | None: ...

    @property
    def cost_usd(self) -> float | None: ...

    @property
    def total_ms(self) -> int | None: ...


def usage_of(reply: Used) -> str:
    """Such as `1,234 tokens in · 567 out · $0.0012 · 4.2 s`; empty where nothing is known."""
    told = _tokens(reply.tokens_in, reply.tokens_out)
    told += [] if reply.cost_usd is None else [dollars(reply.cost_usd)]
    told += [] if reply.total_ms is None else [duration(reply.total_ms)]
    return _BETWEEN.join(told)


def usage_of_all(replies: Sequence[Used]) -> str:
    """The sum for several replies, which says how many it leaves out; empty where nothing is known of any."""
    counted = [each for each in replies if each.tokens_in is not None or each.tokens_out is not None]
    if not counted:
        return ""
    told = [f"{len(counted)} of {len(replies)} replies" if len(counted) < len(replies) else _all(replies)]
    told += _tokens(_sum(each.tokens_in for each in counted), _sum(each.tokens_out for each in counted))
    return _BETWEEN.join([*told, *_cost(counted)])


def _all(replies: Sequence[Used]) -> str:
    return f"{len(replies)} replies" if len(replies) > 1 else "1 reply"


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _tokens(tokens_in: int | None, tokens_out: int | None) -> list[str]:
    both = ((tokens_in, "in"), (tokens_out, "out"))
    known = [(count(number), which) for number, which in both if number is not None]
    return [f"{number} tokens {which}" for number, which in known[:1]] + [
        " ".join(each) for each in known[1:]
    ]


def _cost(replies: Sequence[Used]) -> list[str]:
    known = [each.cost_usd for each in replies if each.cost_usd is not None]
    if not known:
        return []
    total = dollars(math.fsum(known))
    return [total if len(known) == len(replies) else f"{total} for {len(known)} of them"]
