"""What a token costs chatapp, beside nginx and a plain view."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bench.contender import CONTENDERS
from bench.load import FULL, TINY
from bench.report import report
from bench.run import Bench


def section(folder: Path, rounds: int, *, tiny: bool = False, only: Collection[str] = ()) -> str:
    """`only` names the servers that are wanted; all of them otherwise."""
    chosen = [each for each in CONTENDERS if not only or each.name in only]
    return report(Bench(folder, chosen, TINY if tiny else FULL).run(rounds))
