"""A turn that is followed, cut off, resumed, opened by a stream token, and stopped."""

from __future__ import annotations

from typing import Any

from chatapp.doctor.plain import counted, plain
from chatapp.doctor.report import Report
from chatapp.doctor.site import Site, name_of, path_of
from chatapp.doctor.stream import Stream
from chatapp.doctor.trouble import Unfit

_CUT_AFTER = 10
"""Tokens."""
_TURNS = "/api/v1/turns"


class Turn:
    """One that was started here."""

    def __init__(self, site: Site, message: str) -> None:
        """Raises Unfit where the server starts none."""
        found: dict[str, Any] = site.ask("POST", _TURNS, {"message": message}).demand(202).object()
        self.id = name_of(found.get("turn_id"))
        self.session_id = name_of(found.get("session_id"))
        site.note(self.session_id)
        self.stream_url = path_of(found.get("stream_url"))


def resume(site: Site, report: Report, message: str) -> None:
    """Cuts a stream off in mid-answer and takes it up again. Raises Unfit where there is none."""
    turn = Turn(site, message)
    with site.follow("GET", turn.stream_url) as first:
        _demand_stream(first)
        for _frame in first:
            if len(first.tokens) >= _CUT_AFTER or first.last("done"):
                break
    with site.follow("GET", turn.stream_url, headers={"Last-Event-ID": first.last_id}) as second:
        if first.last("done") is None:
            _demand_stream(second)
            second.read_to_end()
    _tell_whole(site, report, turn, first, second)
    end = second.last("done") or first.last("done")
    if end is not None:
        _tell_after_the_end(site, report, turn, end.id or "")
    stream_token(site, report, turn)


def _demand_stream(stream: Stream) -> None:
    if not stream.is_events:
        raise Unfit(f"the turn's stream is answered {stream.exchange.status}")


def _tell_whole(site: Site, report: Report, turn: Turn, first: Stream, second: Stream) -> None:
    ids = [frame.id for frame in (*first.frames, *second.frames) if frame.id and frame.event]
    read, saved = first.text + second.text, _saved(site, turn)
    if second.trouble is not None:
        report.wrong(f"resuming: the second half did not end well: {second.trouble}")
    elif second.last("snapshot"):
        report.wrong("resuming: the server had lost the place, and sent all of the text again")
    elif len(ids) != len(set(ids)):
        report.wrong("resuming: events came twice")
    elif read != saved:
        report.wrong(f"resuming: {len(read)} characters were read, and {len(saved)} are saved")
    else:
        report.well(
            f"resuming: cut off after {len(first.tokens)} tokens, {len(second.tokens)} more after Last-Event-ID; "
            f"together what is saved, {len(saved)} characters"
        )


def _saved(site: Site, turn: Turn) -> str:
    answer = site.ask("GET", f"/api/v1/conversations/{turn.session_id}/messages").demand(200)
    items = answer.object().get("items")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and item.get("turn_id") == turn.id and item.get("role") == "assistant":
            return str(item.get("content"))
    raise Unfit("the reply is not among the saved messages")


def _tell_after_the_end(site: Site, report: Report, turn: Turn, last_id: str) -> None:
    with site.follow("GET", turn.stream_url, headers={"Last-Event-ID": last_id}) as stream:
        status = stream.exchange.status
    report.judge(
        status == 204,
        "a reader that has had the end is told so (204)",
        f"a reader that has had the end is answered {status}, not 204, and would come back for ever",
    )


def stream_token(site: Site, report: Report, turn: Turn) -> None:
    """Whether a stream token opens the stream once, and not twice."""
    found = site.ask("POST", f"{_TURNS}/{turn.id}/stream-token").demand(200)
    address = f"{turn.stream_url}?token={name_of(found.text('sse_token'))}"
    with site.follow("GET", address, signed_in=False) as stream:
        opened = stream.is_events and any(frame.id for frame in stream)
    with site.follow("GET", address, signed_in=False) as stream:
        again = stream.exchange.status
    report.judge(
        opened and again == 401,
        "a stream token opens the stream once, and not twice",
        "a stream token opens the stream twice" if opened else "a stream token does not open the stream",
    )


def cancel(site: Site, report: Report, message: str) -> None:
    """Stops a turn in mid-answer. Raises Unfit where none is started."""
    turn = Turn(site, message)
    with site.follow("GET", turn.stream_url) as stream:
        _demand_stream(stream)
        for _frame in stream:
            if stream.tokens:
                break
        status = site.ask("POST", f"{_TURNS}/{turn.id}/cancel").status
        stream.read_to_end()
    done = stream.last("done")
    reason = done.value("finish_reason") if done else None
    if status == 200 and reason == "stop":
        report.unknown("stopping: the answer was over before it was stopped")
        return
    report.judge(
        status == 200 and reason == "cancelled",
        f"stopping: an answer ends when it is cancelled, after {counted(len(stream.tokens), 'token')}",
        f"stopping: {status}, and the answer ended as {plain(reason, 30)}",
    )
