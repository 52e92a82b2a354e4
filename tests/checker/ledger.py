"""What was acknowledged: each job the moment it was, as a JSON line; and what the cluster must hold by that."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class Ledger:
    """Written by all threads of a load.

    upload PATH VERSION SHA256 SIZE QUEUE_FILE    the hook ended with 0, or a job by hand was saved
    replicate PATH VERSION COPIES JOB QUEUE_FILE  `queue add` ended with 0; COPIES 0: a job that makes one copy more
    remove NODE NAME QUEUE_FILE                   the same; QUEUE_FILE may be missing
    delete PATH                                   `delete` ended with 0
    touched QUEUE_FILE                            is about to be edited, or held: its jobs may run again
    started LOG, ended LOG STATUS                 a processor
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()

    def add(self, what: str, **fields: object) -> None:
        line = json.dumps({"what": what, **fields})
        with self._mutex, self._path.open("a") as out:
            out.write(line + "\n")


def read(path: Path) -> list[Event]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass
class Wanted:
    """A file's last version, by its modification time, and the copies that were asked for of it."""

    version: str
    sha256: str
    size: int
    at_least: int = 1
    further: set[str] = field(default_factory=set)  # jobs that make one copy more, each once

    def copies(self, nodes: int) -> int:
        return min(max(self.at_least, 1 + len(self.further)), nodes)


def wanted_files(events: list[Event]) -> dict[str, Wanted]:
    """By path. Events of one path stand in the order in which one person gave them."""
    wanted: dict[str, Wanted] = {}
    for event in events:
        if event["what"] == "upload":
            wanted[event["path"]] = Wanted(event["version"], event["sha256"], event["size"])
        elif event["what"] == "delete":
            wanted.pop(event["path"], None)
        elif event["what"] == "replicate" and event["path"] in wanted:
            file = wanted[event["path"]]
            if file.version != event["version"]:
                continue  # stale
            if event["copies"]:
                file.at_least = max(file.at_least, event["copies"])
            else:
                file.further.add(event["job"])
    return wanted


def deleted_paths(events: list[Event]) -> set[str]:
    named = {event["path"] for event in events if event["what"] in ("upload", "delete")}
    return named - set(wanted_files(events))


def removed_copies(events: list[Event]) -> set[tuple[str, str]]:
    return {(event["node"], event["name"]) for event in events if event["what"] == "remove"}


def acknowledged_jobs(events: list[Event]) -> dict[str, int]:
    """How many jobs each queue file was acknowledged with, but for those that somebody put a hand on."""
    touched = {event["queue_file"] for event in events if event["what"] == "touched"}
    count: dict[str, int] = defaultdict(int)
    for event in events:
        name = event.get("queue_file", "")
        if name and name not in touched:
            count[name] += 1
    return dict(count)
