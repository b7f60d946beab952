"""Whether something on the way holds a stream back, judged by when what of it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from chatapp.doctor.arrivals import Arrivals
from chatapp.doctor.plain import counted, seconds

_LONG_S = 1.0
"""An answer that takes less says nothing: it could have come at once anyway."""
_AT_ONCE = 0.2
"""Share of the whole time: what comes in less, after the rest of it in silence, came at once."""
_ENOUGH_TOKENS = 20
_ENOUGH_S = 0.5
_PAUSED = 0.6
"""Share of the time that pauses take, past which an answer comes in bursts …"""
_TOKENS_A_PAUSE = 8
"""… if at least so many tokens come for each of them; a slow model has its pause before every token."""


class Kind(Enum):
    """What became of the stream on its way."""

    NONE = auto()
    HELD_BACK = auto()
    FULL_BUFFERS = auto()
    BURSTS = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sure` says that no model could have done it."""

    kind: Kind
    sentence: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Course:
    """How a stream came: times in seconds since its request was sent. `steady` is whether the model is known to give
    one token after the other, as the simulated one does; `torn_pauses` how often a pause cut a frame in two."""

    first_bytes_s: float
    end_s: float
    arrivals: Arrivals
    torn_pauses: int
    steady: bool


def verdict_of(course: Course) -> Verdict:
    """The first of these that holds: all at once, full buffers, bursts, nothing to be told, nothing held back."""
    return _held_back(course) or _in_bursts(course) or _too_little(course) or _smooth(course)


def _held_back(course: Course) -> Verdict | None:
    """The first bytes leave chatapp before the model is asked, so that they cannot be late for a reason of its own."""
    if course.end_s < _LONG_S:
        return None
    if course.end_s - course.first_bytes_s <= _AT_ONCE * course.end_s:
        return Verdict(
            Kind.HELD_BACK,
            f"the whole answer was held back: its first bytes leave before the model is asked, and came after "
            f"{seconds(course.first_bytes_s)}, {seconds(course.end_s - course.first_bytes_s)} before its end",
        )
    tokens, span = len(course.arrivals.times), course.arrivals.span_s
    if tokens < _ENOUGH_TOKENS or span > _AT_ONCE * course.end_s or span * 4 > tokens / 40:
        return None
    return Verdict(
        Kind.HELD_BACK,
        f"the beginning came at once, and then all {tokens} tokens within {seconds(span)} after a long silence"
        + ("" if course.steady else "; a model can do that too"),
        sure=course.steady,
    )


def _in_bursts(course: Course) -> Verdict | None:
    arrivals, pauses = course.arrivals, course.arrivals.pauses
    tokens = len(arrivals.times)
    if not pauses or tokens < _TOKENS_A_PAUSE * len(pauses):
        return None
    if sum(pauses) < _PAUSED * arrivals.span_s:
        return None
    sizes = sorted(arrivals.burst_bytes)
    size, pause = sizes[len(sizes) // 2] if sizes else 0, sorted(pauses)[len(pauses) // 2]
    told = f"the tokens came in {len(pauses) + 1} bursts, about {size} bytes and {seconds(pause)} apart"
    if 2 * course.torn_pauses >= len(pauses):
        return Verdict(
            Kind.FULL_BUFFERS,
            f"{told}, and the bursts end in the middle of an event: something passes on full buffers only",
        )
    if course.steady and len(pauses) > 1:
        return Verdict(Kind.BURSTS, told)
    return Verdict(Kind.BURSTS, f"{told}; a model, or a hiccup, can do that too", sure=False)


def _too_little(course: Course) -> Verdict | None:
    tokens, span = len(course.arrivals.times), course.arrivals.span_s
    if tokens >= _ENOUGH_TOKENS and span >= _ENOUGH_S:
        return None
    return Verdict(
        Kind.UNKNOWN,
        f"whether something buffers cannot be told from {counted(tokens, 'token')} within {seconds(span)}: "
        "ask for a longer answer with --message",
        sure=False,
    )


def _smooth(course: Course) -> Verdict:
    return Verdict(
        Kind.NONE,
        f"nothing on the way buffers: the first bytes came after {seconds(course.first_bytes_s)}, and the tokens "
        "one after the other",
    )
