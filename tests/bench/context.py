"""What all cases share: where things lie, the servers, the stop watch, and what becomes of results."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from data import FileSet, make_files
from measure import StopWatch
from nodespool import Cluster
from results import ResultFile, print_group
from rounds import Group, Row, run_group
from servers import ServerRoom
from settings import Settings


def _directory(parent: Path) -> Path:
    """The servers change to another user before they enter it."""
    path = Path(tempfile.mkdtemp(prefix="nodespool-bench.", dir=parent))
    path.chmod(0o755)
    return path


@dataclass
class Bench:
    settings: Settings
    results: ResultFile
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = _directory(self.settings.cluster_parent)
        self.nodes = _directory(self.settings.node_parent)
        self.room = ServerRoom(self.nodes)
        self.watch = StopWatch(self.settings.helpers / "timed", self.disk)

    def close(self) -> None:
        self.room.close()
        for directory in (self.disk, self.nodes):
            shutil.rmtree(directory, ignore_errors=True)

    def run(self, group: Group, rounds: int | None = None) -> list[Row]:
        start = time.monotonic()
        rows = run_group(group, rounds or self.settings.rounds, self.settings.wants)
        if not rows:
            return rows
        print_group(group.title, group.unit, rows, f"{group.note} [{time.monotonic() - start:.0f} s]")
        for row in rows:
            self.results.add(row)
        self.rows += rows
        return rows

    def files(self, name: str, sizes: list[int], parent: Path | None = None) -> FileSet:
        return make_files((parent or self.disk) / name, sizes)

    def cluster(self, files: Path | None = None) -> Cluster:
        """A new, empty one; FILES: its file space, if that is to lie elsewhere than beside it."""
        root = self.disk / "cluster"
        return Cluster(root, files or self.disk / "upload", self.settings.programs, self.watch)

    def helper(self, name: str) -> Path:
        return self.settings.helpers / name
