"""What a token costs chatapp, beside nginx and a plain view."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bench.contender import CONTENDERS, installed
from bench.load import FULL, TINY
from bench.report import charts, report
from bench.run import Bench
from bench.section import Section


def section(folder: Path, rounds: int, *, tiny: bool = False, only: Collection[str] = ()) -> Section:
    """`only` names the servers that are wanted; all of them otherwise."""
    chosen = [each for each in installed(CONTENDERS) if not only or each.name in only]
    results = Bench(folder, chosen, TINY if tiny else FULL).run(rounds)
    return Section(report(results), charts(results))
