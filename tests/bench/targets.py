"""The targets, judged by the rows of one run. Each is a ratio; nothing here makes one easier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rounds import Row


@dataclass(frozen=True)
class Verdict:
    case: str
    target: str
    measured: str
    met: bool | None  # None: not measured

    @property
    def word(self) -> str:
        return {True: "met", False: "missed", None: "not measured"}[self.met]

    def fields(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.word}


class Rows:
    """The rows, by what they measured."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = {(row.case, row.label, row.connections, row.tool): row for row in rows if row.values}

    def get(self, case: str, label: str, connections: int, tool: str) -> Row | None:
        return self._rows.get((case, label, connections, tool))


def _at_least(value: float | None, least: float) -> tuple[str, bool | None]:
    return ("-", None) if value is None else (f"{value:.2f}", value >= least)


def _at_most(value: float | None, most: float) -> tuple[str, bool | None]:
    return ("-", None) if value is None else (f"{value:.2f}", value <= most)


def _peer_ratio(rows: Rows, case: str, label: str, connections: int, tool: str = "nodespool") -> float | None:
    row = rows.get(case, label, connections, tool)
    return row.to_best_peer if row else None


def _quotient(one: Row | None, other: Row | None) -> float | None:
    return one.median / other.median if one and other else None


def _stores(rows: Rows) -> list[Verdict]:
    verdicts: list[Verdict] = []

    def peer(text: str, case: str, label: str, connections: int, least: float, tool: str = "nodespool") -> None:
        measured = _at_least(_peer_ratio(rows, case, label, connections, tool), least)
        verdicts.append(Verdict(text, f"{least:g} x the best peer", *measured))

    peer("A FTP, 8 connections", "A", "ftp", 8, 1.3)
    ours = rows.get("A", "ftp", 8, "nodespool")
    to_bare = _at_least(ours.to_bare if ours else None, 0.9)
    verdicts.append(Verdict("A FTP, 8 connections", "0.9 of the bare client", *to_bare))
    peer("A FTP, 1 connection", "A", "ftp", 1, 1.2)
    peer("A FTPS, 8 connections", "A", "ftps", 8, 1.3)
    peer("A SFTP, 1 connection", "A", "sftp", 1, 1.7)
    peer("A SFTP, 8 connections", "A", "sftp", 8, 1.7)
    for protocol in ("ftp", "ftps", "sftp"):
        peer(f"B {protocol.upper()}, checksum = none", "B", protocol, 1, 1.0, "nodespool none")
        peer(f"B {protocol.upper()}, sha256", "B", protocol, 1, 0.9, "nodespool sha256")
    for protocol in ("ftp", "ftps", "sftp"):
        peer(f"C {protocol.upper()}", "C", protocol, 8, 1.3)
    for protocol in ("ftp", "sftp"):
        peer(f"D {protocol.upper()}, 8 connections", "D", protocol, 8, 1.5)
    return verdicts


def _replicates(rows: Rows) -> list[Verdict]:
    verdicts = []
    for label, text in (("small files", "E small files"), ("one large file", "E one large file")):
        measured = _at_least(_peer_ratio(rows, "E", label, 8), 2.0)
        verdicts.append(Verdict(text, "2 x rclone", *measured))
    one = rows.get("E", "one large file, slow source", 8, "nodespool, 1 new copy")
    three = rows.get("E", "one large file, slow source", 8, "nodespool, 3 new copies")
    time_ratio = three.seconds / one.seconds if one and three else None
    verdicts.append(Verdict("E 3 copies, slow source", "time under 1.5 x that of 1", *_at_most(time_ratio, 1.5)))
    reads = three.extra.get("source reads") if three else None
    verdicts.append(Verdict("E 3 copies, slow source", "source reads under 1.5 x those of 1", *_at_most(reads, 1.5)))
    return verdicts


def _delayed(rows: Rows) -> list[Verdict]:
    verdicts = []
    for ms in (10, 50):
        measured = _at_least(_peer_ratio(rows, "F", f"ftp {ms} ms", 8), 1.5)
        verdicts.append(Verdict(f"F FTP {ms} ms, 8 connections", "1.5 x the best peer", *measured))
        for connections in (1, 8):
            row = rows.get("F", f"ftp {ms} ms", connections, "nodespool")
            trips = row.extra.get("warm") if row else None
            text = f"F FTP {ms} ms, {connections} connection{'s' * (connections > 1)}"
            verdicts.append(Verdict(text, "at most 3.5 round trips a file, warm", *_at_most(trips, 3.5)))
        for connections in (1, 4, 8):
            measured = _at_least(_peer_ratio(rows, "F", f"sftp {ms} ms", connections), 2.5)
            verdicts.append(Verdict(f"F SFTP {ms} ms, {connections}", "2.5 x the best peer", *measured))
    return verdicts


def _queue(rows: Rows) -> list[Verdict]:
    def get(label: str, tool: str) -> Row | None:
        return rows.get("G", label, 0, tool)

    submit, drain = "submissions", "drained jobs"
    hook = _quotient(get(submit, "bare C program"), get(submit, "nodespool upload-hook"))
    follow = _quotient(get(submit, "nodespool upload-hook --follow"), get(submit, "dirq, synced"))
    drained = _quotient(get(drain, "nodespool queue take"), get(drain, "dirq"))
    stale = _quotient(get("stale jobs", "stat"), get("stale jobs", "nodespool store"))
    scan = _quotient(get("one-job files", "cat"), get("one-job files", "nodespool store"))
    verdicts = [
        Verdict("G submissions, hook process", "time within 1.3 x of a C program", *_at_most(hook, 1.3)),
        Verdict("G submissions, follow daemon", "5 x dirq, each element synced", *_at_least(follow, 5)),
        Verdict("G drained", "10 x dirq", *_at_least(drained, 10)),
        Verdict("G scan, stale jobs", "time within 3 x of stat", *_at_most(stale, 3)),
        Verdict("G scan, one-job files", "time within 3 x of cat", *_at_most(scan, 3)),
    ]
    return verdicts + _growth(get)


def _growth(get: Callable[[str, str], Row | None]) -> list[Verdict]:
    """10 x the jobs: 10 x the time, the same memory. Memory counts as flat up to 8 MiB more."""
    verdicts = []
    for label in ("stale jobs", "one-job files", "jobs not yet due"):
        whole, tenth = get(label, "nodespool store"), get(f"{label}, a tenth", "nodespool store")
        factor = whole.seconds / tenth.seconds if whole and tenth else None
        met = None if factor is None else 8 <= factor <= 12
        text = f"{factor:.1f}" if factor else "-"
        verdicts.append(Verdict(f"growth, {label}", "time 10 x (8 to 12) for 10 x the jobs", text, met))
        more = whole.rss_mib - tenth.rss_mib if whole and tenth else None
        text = f"{tenth.rss_mib:.0f} to {whole.rss_mib:.0f} MiB" if whole and tenth else "-"
        verdicts.append(Verdict(f"growth, {label}", "memory flat", text, None if more is None else more <= 8))
    return verdicts


def judge(rows: list[Row]) -> list[Verdict]:
    known = Rows(rows)
    return [*_stores(known), *_replicates(known), *_delayed(known), *_queue(known)]


def table(verdicts: list[Verdict]) -> str:
    lines = [f"{'TARGET':<34} {'':<40} {'MEASURED':>16}  VERDICT"]
    lines += [f"{one.case:<34} {one.target:<40} {one.measured:>16}  {one.word}" for one in verdicts if one.met is not None]
    unknown = sum(one.met is None for one in verdicts)
    return "\n".join(lines) + (f"\n({unknown} targets were not measured in this run)" if unknown else "")
