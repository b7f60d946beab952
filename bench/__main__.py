"""The command line: `python -m bench [--rounds N] [--only NAME ...]`; prints Markdown."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.contender import CONTENDERS
from bench.load import FULL, TINY
from bench.report import report
from bench.run import Bench


def main() -> None:
    arguments = _arguments()
    chosen = [each for each in CONTENDERS if not arguments.only or each.name in arguments.only]
    with tempfile.TemporaryDirectory(prefix="chatapp-bench-") as folder:
        bench = Bench(Path(folder), chosen, TINY if arguments.tiny else FULL)
        results = bench.run(arguments.rounds)
    sys.stdout.write(report(results, arguments.rounds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often every load is put on every server")
    parser.add_argument("--only", nargs="*", choices=[each.name for each in CONTENDERS], help="some servers")
    parser.add_argument("--tiny", action="store_true", help="loads that only show that everything runs")
    return parser.parse_args()


main()
