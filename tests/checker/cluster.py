"""A cluster as it lies on disk: link files, what nodes hold, what waits. Read independently of nodespool's own code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote


@dataclass(frozen=True)
class Link:
    path: str
    size: int
    version: str  # the modification time, as it is written
    copies: tuple[tuple[str, str], ...]  # node, name on it
    gone: tuple[tuple[str, str], ...]


@dataclass
class Cluster:
    root: Path
    files: Path
    nodes: dict[str, Path] = field(default_factory=dict)  # what each node serves

    def link(self, path: str) -> Link | None:
        """None: there is none now. It is replaced by a rename, so that it is read whole."""
        try:
            lines = (self.root / ".links" / path).read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        name, size, _, version = lines[0].split()
        words = [line.split() for line in lines[1:]]
        copies = {kind: tuple((w[1], unquote(w[2])) for w in words if w[0] == kind) for kind in ("server", "gone")}
        return Link(unquote(name), int(size), version, copies["server"], copies["gone"])

    def links(self) -> dict[str, Link]:
        top = self.root / ".links"
        names = [str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()]
        return {name: link for name in names if not name.startswith(".") and (link := self.link(name))}

    def copies_on_nodes(self) -> dict[tuple[str, str], str]:
        """@return their SHA-256"""
        return {
            (node, str(path.relative_to(top))): hashlib.sha256(path.read_bytes()).hexdigest()
            for node, top in self.nodes.items()
            for path in top.rglob("*")
            if path.is_file()
        }

    def queue_files(self) -> list[str]:
        return sorted(path.name for path in (self.root / ".queue").glob("*.q") if not path.name.startswith("."))

    def waiting(self) -> list[str]:
        """Whatever is left of the queue, in whatever state, and of deletions."""
        places = (self.root / ".queue", self.root / ".deleted")
        return sorted(
            str(path.relative_to(self.root)) for place in places for path in place.rglob("*") if path.is_file()
        )

    def uploads(self) -> list[str]:
        """Hidden ones, too."""
        return sorted(str(path.relative_to(self.files)) for path in self.files.rglob("*") if path.is_file())


def nodes_named(words: list[str]) -> dict[str, Path]:
    """Of NODE=DIR."""
    return {name: Path(directory) for name, _, directory in (word.partition("=") for word in words)}
