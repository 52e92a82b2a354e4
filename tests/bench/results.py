"""Results as text for a person, and as JSON lines for `report` and whoever wants to plot them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TextIO

from rounds import Row

_HEAD = (
    f"  {'TOOL':<34} {'MEDIAN':>10} {'MIN':>10} {'MAX':>10}"
    f"  {'/PEER':>6} {'/BARE':>6} {'CPU S':>8} {'SERVER':>8} {'MIB':>7}"
)


def number(value: float) -> str:
    """Three digits that count, however large."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "-"


def extras(row: Row) -> str:
    return ", ".join(
        f"{key} {number(value) if isinstance(value, (int, float)) else value}" for key, value in row.extra.items()
    )


def print_group(title: str, unit: str, rows: list[Row], note: str = "") -> None:
    print(f"\n{title} ({unit})" + (f": {note}" if note else ""))
    print(_HEAD)
    for row in rows:
        if not row.values:
            print(f"  {row.tool:<34} {'-':>10}  {row.dash}")
            continue
        server = f"{row.server_cpu_s:.2f}" if row.server_cpu_s is not None else "-"
        print(
            f"  {row.tool:<34} {number(row.median):>10} {number(min(row.values)):>10} {number(max(row.values)):>10}"
            f"  {ratio(row.to_best_peer):>6} {ratio(row.to_bare):>6} {row.cpu_s:>8.2f} {server:>8} {row.rss_mib:>7.1f}"
            + (f"  {extras(row)}" if row.extra else ""),
            flush=True,
        )


class ResultFile:
    """JSON lines, each written as soon as it is known: a run that is broken off has reported what it did."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self._file: TextIO = open(path, "w", encoding="utf-8")
        self._write({"kind": "run", **facts})

    def add(self, row: Row) -> None:
        fields = dataclasses.asdict(row)
        if row.values:
            fields |= {"median": row.median, "min": min(row.values), "max": max(row.values)}
        self._write({"kind": "row", **fields})

    def add_target(self, fields: dict[str, Any]) -> None:
        self._write({"kind": "target", **fields})

    def close(self) -> None:
        self._file.close()

    def _write(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields) + "\n")
        self._file.flush()


def read_file(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """The facts about the run, and its rows. Rows of files that are read later replace those of earlier ones."""
    facts: dict[str, Any] = {}
    rows: list[Row] = []
    names = {field.name for field in dataclasses.fields(Row)}
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        kind = fields.pop("kind")
        if kind == "run":
            facts = fields
        elif kind == "row":
            rows.append(Row(**{name: value for name, value in fields.items() if name in names}))
    return facts, rows
