"""What a run found, as a table in a document between two markers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from points import Result
from settings import HarnessError

_BEGIN = {
    "results": "<!-- results: begin, written by tests/crash/run --table -->",
    "breaks": "<!-- breaks: begin, written by tests/crash/breaks --table -->",
}


@dataclass
class Sums:
    points: int = 0
    broken: int = 0


def write(document: Path, lines: list[str], what: str = "results") -> None:
    """Replaces what stands between the markers of WHAT."""
    text = document.read_text()
    first, last = _BEGIN[what], f"<!-- {what}: end -->"
    begin, end = text.find(first), text.find(last)
    if begin < 0 or end < begin:
        raise HarnessError(f"{document}: found no lines '{first}' and '{last}'")
    document.write_text("\n".join([text[: begin + len(first)], "", *lines, "", text[end:]]))


def by_program(results: list[Result]) -> list[str]:
    """A row a scenario, a column a fault: how many points were tried, and how many did not hold."""
    faults = list(dict.fromkeys(result.fault for result in results))
    cells = {(result.scenario, result.fault): _cell(result) for result in results}
    rows = [["scenario", *faults]]
    for scenario in dict.fromkeys(result.scenario for result in results):
        rows.append([scenario, *(cells.get((scenario, fault), "-") for fault in faults)])
    return [*markdown(rows), "", summary(results)]


def by_fault(results: list[Result]) -> list[str]:
    """The short form: a row a fault, over all scenarios."""
    sums: dict[str, Sums] = {}
    for result in results:
        entry = sums.setdefault(result.fault, Sums())
        entry.points += result.points
        entry.broken += len(result.broken)
    rows = [["fault", "points", "did not hold"]]
    rows += [[fault, f"{entry.points:,}", f"{entry.broken:,}"] for fault, entry in sums.items()]
    return [*markdown(rows), "", summary(results)]


def summary(results: list[Result]) -> str:
    points = sum(result.points for result in results)
    broken = sum(len(result.broken) for result in results)
    return f"{points:,} points tried, {points - broken:,} held, {broken:,} did not."


def _cell(result: Result) -> str:
    if not result.points:
        return "-"  # nothing that this fault could hit
    broken = f", {len(result.broken)} **broken**" if result.broken else ""
    repaired = f" ({result.repaired} after repair)" if result.repaired else ""
    return f"{result.points:,}{broken}{repaired}"


def markdown(rows: list[list[str]], columns: str = "---:") -> list[str]:
    """The first row is the head. COLUMNS: how all but the first column stand."""
    head, *body = rows
    rule = ["---", *(columns for _ in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *body)]
