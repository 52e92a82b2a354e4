"""Contestants in turn: some rounds, interleaved, in an order that alternates, after one that does not count."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from measure import BenchError, Dash, Run


class Role(Enum):
    OURS = "ours"
    PEER = "peer"
    BARE = "bare"  # the protocol, or the system, and nothing else: the limit
    ASIDE = "aside"  # worth knowing, compared with nothing


class Part(Enum):
    """How much of the work a run does."""

    WARM_UP = "warm-up"
    ALL = "all"


@dataclass
class Contestant:
    tool: str
    role: Role
    run: Callable[[Part], Run]


@dataclass
class Group:
    """One row of contestants that do the same work."""

    case: str
    label: str
    unit: str
    amount: float  # of work in one run; what is reported is amount / seconds
    connections: int = 0  # 0: has none
    contestants: list[Contestant] = field(default_factory=list)
    dashes: dict[str, str] = field(default_factory=dict)  # tool: why it cannot do this
    note: str = ""

    def add(self, tool: str, role: Role, run: Callable[[Part], Run]) -> None:
        self.contestants.append(Contestant(tool, role, run))

    @property
    def title(self) -> str:
        connections = f", {self.connections} connection{'s' * (self.connections > 1)}" if self.connections else ""
        return f"{self.case} {self.label}{connections}"


@dataclass
class Row:
    """What one contestant did in one group. Without runs: a dash."""

    case: str
    label: str
    connections: int
    tool: str
    role: str
    unit: str
    values: list[float] = field(default_factory=list)
    seconds: float = 0
    cpu_s: float = 0
    server_cpu_s: float | None = None
    rss_mib: float = 0
    to_best_peer: float | None = None
    to_bare: float | None = None
    dash: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def run_group(group: Group, rounds: int, wants: Callable[[str], bool]) -> list[Row]:
    """Each contestant once uncounted, then ROUNDS times. One that fails has a dash and the reason."""
    taking_part = [contestant for contestant in group.contestants if wants(contestant.tool)]
    runs: dict[str, list[Run]] = {contestant.tool: [] for contestant in taking_part}
    failures = dict(group.dashes)
    for number in range(rounds + 1):
        in_order = taking_part if number % 2 else list(reversed(taking_part))
        for contestant in in_order:
            if contestant.tool in failures:
                continue
            try:
                run = contestant.run(Part.ALL if number else Part.WARM_UP)
            except (BenchError, Dash) as error:
                failures[contestant.tool] = _why(error)
                if isinstance(error, BenchError):
                    print(f"  {group.title}: {contestant.tool}: {_why(error)}", file=sys.stderr)
                continue
            if number:
                runs[contestant.tool].append(run)
    rows = [_row(group, contestant, runs[contestant.tool], failures) for contestant in taking_part]
    for tool, why in group.dashes.items():
        if wants(tool):
            rows.append(_dash(group, tool, Role.OURS if tool.startswith("nodespool") else Role.PEER, why))
    compare_rows(rows)
    return rows


def compare_rows(rows: list[Row]) -> None:
    """Fills in the ratios of one group's rows to the best peer and to the bare client."""
    peers = [row.median for row in rows if row.role == Role.PEER.value and row.values]
    bare = [row.median for row in rows if row.role == Role.BARE.value and row.values]
    for row in rows:
        if row.values:
            row.to_best_peer = row.median / max(peers) if peers else None
            row.to_bare = row.median / max(bare) if bare else None


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, Dash) else f"failed: {error}"


def _dash(group: Group, tool: str, role: Role, why: str) -> Row:
    return Row(group.case, group.label, group.connections, tool, role.value, group.unit, dash=why)


def _row(group: Group, contestant: Contestant, runs: list[Run], failures: dict[str, str]) -> Row:
    if contestant.tool in failures:
        return _dash(group, contestant.tool, contestant.role, failures[contestant.tool])
    row = Row(group.case, group.label, group.connections, contestant.tool, contestant.role.value, group.unit)
    row.values = [(run.amount or group.amount) / run.seconds for run in runs]
    row.seconds = statistics.median(run.seconds for run in runs)
    row.cpu_s = statistics.median(run.cpu_s for run in runs)
    on_server = [run.server_cpu_s for run in runs if run.server_cpu_s is not None]
    row.server_cpu_s = statistics.median(on_server) if on_server else None
    row.rss_mib = max(run.rss_kib for run in runs) / 1024
    row.extra = runs[-1].extra
    return row
