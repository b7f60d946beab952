"""What a `failure` in a stream means, and for whom."""

from __future__ import annotations

from chatapp.doctor.plain import plain
from chatapp.doctor.report import Report
from chatapp.doctor.stream import Stream

_KEY = "On the server, `flask --app wsgi doctor key` asks upstream what is wrong with the key."
_MEANINGS = {
    "RATE_LIMIT": "Upstream refuses for now (429): wait, or raise the limits of the key's project there.",
    "SERVER_ERROR": "Upstream failed (5xx), cannot be reached, or sent what cannot be read. Look at the server's log.",
    "OPENAI_TIMEOUT": "Upstream was silent for longer than CHATAPP_FIRST_TOKEN_S or CHATAPP_SILENCE_S.",
    "UPSTREAM_AUTH": f"Upstream does not know the server's key (401). {_KEY}",
    "UPSTREAM_FORBIDDEN": f"The server's key may not use this model (403). {_KEY}",
    "MODEL_NOT_FOUND": f"Upstream has no such model (404). {_KEY}",
    "UPSTREAM_REJECTED": "Upstream did not accept the request (400): its sentence says why.",
    "UPSTREAM_INTERRUPTED": "The connection between the server and upstream broke in mid-answer.",
    "INTERRUPTED": "The server was restarted while it answered.",
    "NOT_SAVED": "The server cannot write to its database.",
}


def tell_failure(stream: Stream, report: Report) -> None:
    """Names the failure of an answer, if it had one."""
    failure = stream.last("failure")
    if failure is None:
        return
    code = plain(failure.value("code"), 40)
    report.wrong(
        f"the answer failed: {code}, \u201c{plain(failure.value('message'))}\u201d",
        [f"request id {plain(failure.value('request_id'), 80)}, {_again(failure.value('retryable'))}"],
        [_MEANINGS[code]] if code in _MEANINGS else [],
    )


def _again(retryable: object) -> str:
    return "trying again may help" if retryable is True else "trying again will not help"
