"""A message through `POST /api/v1/chat`: headers, times, buffering, heartbeats, the end."""

from __future__ import annotations

from chatapp.doctor.arrivals import Arrivals
from chatapp.doctor.buffering import Course, Kind, verdict_of
from chatapp.doctor.failure import tell_failure
from chatapp.doctor.heartbeats import tell_heartbeats
from chatapp.doctor.plain import plain, seconds
from chatapp.doctor.remedies import COMPRESSED, CUT_OFF, remedies_for
from chatapp.doctor.report import Report
from chatapp.doctor.site import Site
from chatapp.doctor.stream import Stream

_BROWSERS = "gzip, deflate, br, zstd"
_SHOWN = ("Content-Type", "Cache-Control", "X-Accel-Buffering", "Content-Encoding", "Content-Length")
_ON_THE_WAY = ("Server", "Via", "X-Cache", "CF-Ray", "CF-Cache-Status", "X-Amz-Cf-Pop", "X-Served-By", "Age")


def chat(site: Site, report: Report, message: str, *, scenario: str, simulated: bool) -> None:
    """Sends the message and tells how its answer came."""
    headers = {"X-Test-Scenario": scenario} if scenario else {}
    # As a browser would ask: what compresses on the way does it only for those who say that they can read it.
    with _send(site, message, {**headers, "Accept-Encoding": _BROWSERS}) as stream:
        encoding = stream.exchange.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            _tell(stream, report, simulated=simulated)
            return
    report.wrong(f"the stream comes compressed ({plain(encoding, 30)})", remedies=COMPRESSED)
    with _send(site, message, headers) as stream:
        _tell(stream, report, simulated=simulated)


def _send(site: Site, message: str, headers: dict[str, str]) -> Stream:
    return site.follow("POST", "/api/v1/chat", {"message": message}, headers)


def _tell(stream: Stream, report: Report, *, simulated: bool) -> None:
    exchange = stream.exchange
    if not stream.is_events:
        kind = exchange.headers.get("Content-Type", "nothing")
        said = plain(exchange.read(2000).decode("utf-8", "replace"))
        report.wrong(f"{exchange.status} with {plain(kind, 60)} in place of a stream", [said])
        return
    stream.read_to_end()
    _tell_headers(stream, report)
    _tell_times(stream, report)
    _tell_buffering(stream, report, simulated=simulated)
    tell_heartbeats(stream, report)
    _tell_end(stream, report)


def _tell_headers(stream: Stream, report: Report) -> None:
    headers = stream.exchange.headers
    shown = [
        f"{name}: {plain(headers[name])}"
        for name in (*_SHOWN, *_ON_THE_WAY, "X-Request-Id")
        if name in headers
    ]
    flaws = []
    if "Content-Length" in headers:
        flaws.append("Content-Length is there, so that somebody knew the length before the end")
    if "no-transform" not in headers.get("Cache-Control", ""):
        flaws.append("Cache-Control has lost its no-transform")
    if "X-Request-Id" not in headers:
        flaws.append("X-Request-Id is lost")
    report.judge(not flaws, "200, and the headers of a stream", f"200, but {'; '.join(flaws)}", shown)
    if "X-Accel-Buffering" not in headers:
        report.unknown(
            "X-Accel-Buffering was taken by a proxy on the way, as nginx does: one behind it does not see it"
        )


def _tell_times(stream: Stream, report: Report) -> None:
    sent, tokens = stream.exchange.sent_at, stream.tokens
    first = f"{seconds(tokens[0].at - sent)} to the first token" if tokens else "no token"
    report.well(
        f"{seconds(sent - stream.exchange.began_at)} to connect, then {seconds(stream.exchange.head_at - sent)} to the "
        f"headers, {seconds(_first_bytes_at(stream) - sent)} to the first bytes, {first}, "
        f"{seconds(stream.ended_at - sent)} to the end"
    )
    arrivals = _arrivals(stream)
    if len(tokens) > 1:
        report.well(
            f"{len(tokens)} tokens, {arrivals.per_s:.1f} in a second; between two: {arrivals.summary()}",
            arrivals.histogram(),
        )


def _tell_buffering(stream: Stream, report: Report, *, simulated: bool) -> None:
    sent = stream.exchange.sent_at
    course = Course(
        first_bytes_s=_first_bytes_at(stream) - sent,
        end_s=stream.ended_at - sent,
        arrivals=_arrivals(stream),
        torn_pauses=stream.torn_pauses,
        steady=simulated,
    )
    verdict = verdict_of(course)
    if verdict.kind is Kind.NONE:
        report.well(verdict.sentence)
    elif verdict.kind is Kind.UNKNOWN and stream.last("failure"):
        return  # a failure says why there is so little
    elif verdict.sure:
        report.wrong(verdict.sentence, remedies=remedies_for(verdict.kind))
    else:
        report.unknown(verdict.sentence)


def _arrivals(stream: Stream) -> Arrivals:
    return Arrivals([token.at for token in stream.tokens], stream.pieces)


def _first_bytes_at(stream: Stream) -> float:
    return stream.pieces[0][0] if stream.pieces else stream.ended_at


def _tell_end(stream: Stream, report: Report) -> None:
    tell_failure(stream, report)
    ends = [index for index, frame in enumerate(stream.frames) if frame.event == "done"]
    if stream.trouble is not None:
        report.wrong(f"the stream did not end well: {stream.trouble}", remedies=CUT_OFF)
    elif ends != [len(stream.frames) - 1]:
        told = "never" if not ends else f"{len(ends)} times" if len(ends) > 1 else "not last"
        report.wrong(f"`done` came {told}, where it ends a stream, once", remedies=CUT_OFF)
    else:
        reason = plain(stream.frames[-1].value("finish_reason"), 30)
        report.well(f"`done` ({reason}) came last and once, and the answer was over")
