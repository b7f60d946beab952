"""The report: a Markdown table, and a sentence for each fault."""

from __future__ import annotations

import os
import platform

from bench.soak.gauge import Gauge
from bench.soak.run import Result


def report(result: Result) -> str:
    rows = [*_load(result), *_endings(result), *_texts(result), *_machine(result)]
    lines = ["| what | how many |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""]
    return "\n".join([_heading(result), "", *lines, *_faults(result)])


def _heading(result: Result) -> str:
    plan = result.plan
    database = "PostgreSQL" if plan.postgresql else "SQLite"
    shared = "Valkey" if plan.redis else "no Redis"
    return (
        f"## {plan.seconds / 60:.3g} minutes, {plan.streams} streams\n\n"
        f"{plan.workers} workers, {database}, {shared}, {plan.users} users; answers of {plan.shortest_s:g} to "
        f"{plan.longest_s:g} s; kills for {plan.share:.0%} of the turns, cuts of {plan.share:.0%} of the open "
        f"streams in a second. {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
    )


def _load(result: Result) -> list[tuple[str, object]]:
    tally = result.tally
    return [
        ("seed", result.plan.seed),
        ("streams at once", result.plan.streams),
        ("turns", f"{tally.turns:,}"),
        ("of them on the connection that sent the message", tally.bound),
        ("readers", f"{tally.readers:,}"),
        ("tokens read", f"{tally.words:,}"),
        ("reconnects", f"{tally.reconnects:,}"),
        ("cuts by a reader", f"{tally.cuts:,}"),
        ("connections that the server lost", f"{tally.broken:,}"),
        ("messages sent again", f"{tally.posted_again:,}"),
        ("workers killed", tally.kills),
        ("reloads", tally.reloads),
        ("connections that gunicorn dropped at a reload", tally.dropped),
    ]


def _endings(result: Result) -> list[tuple[str, object]]:
    tally = result.tally
    return [
        ("replies that ended interrupted", f"{tally.interrupted} ({_share(tally.interrupted, tally.turns)})"),
        ("replies whose caller hung up", tally.hung_up),
        ("snapshots", tally.snapshots),
        ("most characters that a snapshot took back", tally.taken_back),
    ]


def _texts(result: Result) -> list[tuple[str, object]]:
    tally = result.tally
    return [
        ("**lost words**", tally.lost),
        ("**doubled words**", tally.doubled),
        ("**reordered words**", tally.reordered),
        ("**foreign words**", tally.foreign),
        ("**wrong saved texts**", tally.wrong_saved),
        ("**faults of any kind**", tally.faults.total()),
    ]


def _machine(result: Result) -> list[tuple[str, object]]:
    all_of = result.gauges
    gauges = {"a worker": all_of.workers, "the master": all_of.master, "Valkey": all_of.valkey}
    memory = [(f"memory of {name}, highest and slope", _memory(gauge)) for name, gauge in gauges.items()]
    cpu_s = {
        "chatapp": all_of.workers.cpu_s() + all_of.master.cpu_s(),
        "Valkey": all_of.valkey.cpu_s(),
        "upstream": all_of.upstream.cpu_s(),
        "clients": result.clients_cpu_s,
    }
    told = ", ".join(f"{name} {_share(used, result.seconds)}" for name, used in cpu_s.items())
    return [*memory, ("CPU, of one core", told), ("load (1, 5, 15 minutes)", _load_average())]


def _memory(gauge: Gauge) -> str:
    slope = gauge.slope()
    fitted = f"{slope.kb_per_min:+,.0f} KB/min over {slope.minutes:.1f} min" if slope else "too short to say"
    return f"{gauge.highest_kb / 1024:.0f} MB, {fitted}"


def _load_average() -> str:
    return ", ".join(f"{each:.1f}" for each in os.getloadavg())


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "0%"


def _faults(result: Result) -> list[str]:
    tally = result.tally
    return [f"- {what} ({count}): {tally.examples[what]}" for what, count in tally.faults.most_common()] + [
        ""
    ]
