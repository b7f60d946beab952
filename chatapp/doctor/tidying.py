"""What the tester made, taken away again."""

from __future__ import annotations

import time

from chatapp.doctor.plain import counted, plain
from chatapp.doctor.report import Report
from chatapp.doctor.site import Site
from chatapp.doctor.trouble import Trouble

_TRIES = 20
_PAUSE_S = 0.25


def tidy(site: Site, report: Report) -> None:
    """Removes the conversations that were made, and says so."""
    if not site.made:
        return
    left = [session_id for session_id in site.made if not _removed(site, session_id)]
    report.judge(
        not left,
        f"removed what this test made: {counted(len(site.made), 'conversation')}",
        f"still there, and to be removed by hand: {', '.join(plain(each, 80) for each in left)}",
    )


def _removed(site: Site, session_id: str) -> bool:
    """An answer whose reader has just left may take a moment to end."""
    for _ in range(_TRIES):
        try:
            status = site.ask("DELETE", f"/api/v1/conversations/{session_id}").status
        except Trouble:
            return False
        if status != 409:
            return status in (204, 404)
        time.sleep(_PAUSE_S)
    return False
