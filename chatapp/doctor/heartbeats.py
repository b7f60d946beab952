"""Heartbeats: what keeps a connection alive on its way while the model is silent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chatapp.doctor.frame import Frame
from chatapp.doctor.plain import counted, seconds
from chatapp.doctor.remedies import NO_HEARTBEAT
from chatapp.doctor.report import Report
from chatapp.doctor.site import Site
from chatapp.doctor.stream import Stream

LONG_SILENCE_S = 15.0
"""By default a heartbeat follows 10 s of silence."""
_SHORTEST_LIMIT_S = 60.0
"""Of what stands between: nginx, Apache and load balancers, as they come."""


def tell_heartbeats(stream: Stream, report: Report) -> None:
    """Tells the heartbeats of a stream, and the longest time in which nothing at all came."""
    judge([frame for frame in stream.frames if frame.event == "heartbeat"], _longest_silence(stream), report)


def judge(beats: Sequence[Frame], silence: float, report: Report) -> None:
    """What so many heartbeats are worth with this longest silence, in seconds."""
    if beats:
        commented = all(frame.comment.startswith("heartbeat") for frame in beats)
        told = counted(len(beats), "heartbeat")
        report.judge(
            commented and silence < _SHORTEST_LIMIT_S,
            f"{told}; the longest time without a byte was {seconds(silence)}, and what is on the way "
            "usually allows 60 s",
            f"{told}, "
            + (
                f"but {seconds(silence)} without a byte"
                if commented
                else "without the comment that belongs to them"
            ),
        )
    elif silence >= LONG_SILENCE_S:
        report.wrong(f"no heartbeat in a silence of {seconds(silence)}", remedies=NO_HEARTBEAT)
    else:
        report.unknown(f"no heartbeat: the longest silence was {seconds(silence)}, and none was due")


def silence(site: Site, report: Report, message: str) -> None:
    """Asks a server that takes X-Test-Scenario for an answer that falls silent, and listens for a heartbeat."""
    with site.follow("POST", "/api/v1/chat", {"message": message}, {"X-Test-Scenario": "silent"}) as stream:
        for frame in stream:
            if frame.event == "heartbeat":
                break
        if stream.last("heartbeat") or _longest_silence(stream) >= LONG_SILENCE_S:
            tell_heartbeats(stream, report)
        else:
            report.unknown("no silence came: the server does not take X-Test-Scenario (CHATAPP_FAULTS=1)")


def _longest_silence(stream: Stream) -> float:
    times = [stream.exchange.head_at, *(at for at, _count in stream.pieces), stream.ended_at]
    return max(later - earlier for earlier, later in pairwise(times))
