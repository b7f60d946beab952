"""Measures what chatapp costs, and prints it as Markdown: the command line `python -m bench`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from bench.contender import CONTENDERS
from bench.document import DOCUMENT, report, rewrite, write
from bench.machine import Neighbours, machine
from bench.scenarios import (
    fairness,
    hang_up,
    idle,
    long_conversation,
    long_reply,
    ramp,
    readers,
    reads,
    redis,
    relay,
    switches,
    thousand,
    voices,
)
from bench.section import Section


class Scenario(Protocol):
    def __call__(self, folder: Path, rounds: int, *, tiny: bool = False) -> Section: ...


_SCENARIOS: Mapping[str, Scenario] = {
    "relay": relay.section,
    "thousand": thousand.section,
    "ramp": ramp.section,
    "hang-up": hang_up.section,
    "fairness": fairness.section,
    "voices": voices.section,
    "readers": readers.section,
    "redis": redis.section,
    "idle": idle.section,
    "long-conversation": long_conversation.section,
    "long-reply": long_reply.section,
    "reads": reads.section,
    "switches": switches.section,
}
"""In the order of the report."""
_ROUNDS = 3
_QUIET_SHARE = 0.05
"""Of all cores: more than this, used by others, makes figures doubtful."""
_QUICK = {
    "relay": 3,
    "thousand": 2,
    "ramp": 1,
    "hang-up": 1,
    "fairness": 1,
    "voices": 1,
    "long-conversation": 2,
    "reads": 2,
}
"""The scenarios that --quick chooses, and their rounds: about ten minutes."""


def main() -> None:
    arguments = _arguments()
    if arguments.write:
        rewrite(DOCUMENT, list(_SCENARIOS))
    sections: dict[str, str] = {}
    try:
        for name in arguments.scenarios:
            section = _measured(name, arguments)
            sections[name] = section.text
            if arguments.write:
                write(DOCUMENT, name, section, list(_SCENARIOS))
    finally:  # what was measured before something failed is told all the same
        sys.stdout.write(report(sections, list(_SCENARIOS)))


def _measured(name: str, arguments: argparse.Namespace) -> Section:
    """The scenario's section, which ends with what the figures were taken on."""
    rounds = arguments.rounds or (_QUICK.get(name, 1) if arguments.quick else _ROUNDS)
    scenario = _SCENARIOS[name]
    if name == "relay" and arguments.only:
        scenario = partial(relay.section, only=arguments.only)
    neighbours, began = Neighbours(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatapp-bench-") as folder:
        section = scenario(Path(folder), rounds, tiny=arguments.tiny)
    minutes, others = (time.monotonic() - began) / 60, neighbours.share()
    tiny = " **With loads too small to measure anything.**" if arguments.tiny else ""
    origin = (
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, rounds: {rounds}, {minutes:.1f} minutes.{tiny} "
        f"{machine()}. Server on one core, upstream and load client on another. Meanwhile other programs used "
        f"{others:.0%} of this machine's cores."
    )
    warning = "\n**The machine was not quiet: distrust these figures.**\n" if others > _QUIET_SHARE else ""
    return Section(f"{section.text}\n*{origin}*\n{warning}", section.charts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scenarios", nargs="*", choices=_SCENARIOS, help="what to measure; all of it")
    parser.add_argument("--rounds", type=int, help=f"how often everything is measured; {_ROUNDS}")
    parser.add_argument(
        "--quick", action="store_true", help="some scenarios in few rounds: about ten minutes"
    )
    parser.add_argument(
        "--write", action="store_true", help="put what was measured into docs/performance.md as well"
    )
    parser.add_argument(
        "--only", nargs="*", choices=[each.name for each in CONTENDERS], help="some servers of the relay"
    )
    parser.add_argument("--tiny", action="store_true", help="loads that only show that everything runs")
    arguments = parser.parse_args()
    if arguments.tiny and arguments.write:
        parser.error("--tiny measures nothing that could be written down")
    if arguments.scenarios is None:
        arguments.scenarios = list(_QUICK if arguments.quick else _SCENARIOS)
    return arguments


main()
