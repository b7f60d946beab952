"""The command line: `python -m bench [--scenarios NAME ...] [--rounds N]`; prints Markdown."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.contender import CONTENDERS
from bench.machine import Neighbours, machine
from bench.scenarios import idle, long_conversation, readers, redis, relay

Scenario = Callable[[Path, int], str]
_SCENARIOS = {
    "relay": relay.section,
    "readers": readers.section,
    "redis": redis.section,
    "idle": idle.section,
    "long-conversation": long_conversation.section,
}


def main() -> None:
    arguments = _arguments()
    sys.stdout.write(
        f"{machine()}. Server on one core, upstream and load client on another. "
        f"Rounds: {arguments.rounds}; figures are medians (least to most).\n"
    )
    for section in _chosen(arguments):
        neighbours = Neighbours()
        with tempfile.TemporaryDirectory(prefix="chatapp-bench-") as folder:
            sys.stdout.write(f"\n{section(Path(folder), arguments.rounds)}")
        sys.stdout.write(
            f"\nMeanwhile other programs used {neighbours.share():.0%} of this machine's cores.\n"
        )
        sys.stdout.flush()


def _chosen(arguments: argparse.Namespace) -> list[Scenario]:
    chosen: dict[str, Scenario] = {
        name: partial(_SCENARIOS[name], tiny=arguments.tiny) for name in arguments.scenarios
    }
    if "relay" in chosen and arguments.only:
        chosen["relay"] = partial(relay.section, tiny=arguments.tiny, only=arguments.only)
    return list(chosen.values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--scenarios",
        nargs="+",
        choices=_SCENARIOS,
        default=list(_SCENARIOS),
        help="what to measure; all of it",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured")
    parser.add_argument(
        "--only", nargs="*", choices=[each.name for each in CONTENDERS], help="some servers of the relay"
    )
    parser.add_argument("--tiny", action="store_true", help="loads that only show that everything runs")
    return parser.parse_args()


main()
