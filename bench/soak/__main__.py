"""The command line: `python -m bench.soak [--minutes N] [--streams N] ...`; prints Markdown."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402  # patched first
import secrets  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from bench.soak.plan import Plan  # noqa: E402
from bench.soak.report import report  # noqa: E402
from bench.soak.run import Soak  # noqa: E402


def main() -> int:
    plan = _plan()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers end with us
    sys.stderr.write(f"seed {plan.seed}\n")
    folder = Path(tempfile.mkdtemp(prefix="chatapp-soak-"))
    try:
        result = Soak(folder, plan).run()
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        return 130
    sys.stdout.write(report(result))
    if result.tally.faults:
        sys.stderr.write(f"The server's log and data are in {folder}\n")
        return 1
    shutil.rmtree(folder)
    return 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long new turns are begun")
    parser.add_argument("--streams", type=int, default=300, help="how many turns run at once")
    parser.add_argument("--seed", type=int, default=None, help="of a run whose choices are to be repeated")
    parser.add_argument("--workers", type=int, default=None, help="2, or 1 without Redis")
    parser.add_argument("--redis", action=argparse.BooleanOptionalAction, default=True, help="share logs")
    parser.add_argument("--postgresql", action="store_true", help="in place of SQLite")
    given = parser.parse_args()
    if not given.redis and (given.workers or 1) > 1:
        parser.error("more than one worker needs Redis")
    return Plan(
        seconds=given.minutes * 60,
        streams=given.streams,
        seed=secrets.randbelow(2**32) if given.seed is None else given.seed,
        workers=given.workers or (2 if given.redis else 1),
        redis=given.redis,
        postgresql=given.postgresql,
    )


if __name__ == "__main__":
    sys.exit(main())
