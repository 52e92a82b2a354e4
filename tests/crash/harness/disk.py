"""A file system of which only what was synced is certain: what a power cut may leave of a recorded run.

The rules, weaker than those of ext4, xfs and btrfs:

- What was written to a file, and its length, is on disk once fsync(2) of that file has returned; before that, any part
  of it may be, in any order, and the length may be there without the bytes (zeros).
- A directory's changes are on disk once fsync(2) of that directory has returned; before that, any of them may be, in any
  order, and whatever became of the files that they name. fsync of a file does not write its name.
- rename(2) happens whole or not at all, across directories as well, and is on disk once either of them was synced.
- syncfs(2) is fsync of everything.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from settings import HarnessError


@dataclass
class Node:
    """A file or a directory. MTIME_NS is that of a file which the run did not write."""

    is_directory: bool
    content: bytes = b""
    entries: dict[str, int] = field(default_factory=dict)
    mtime_ns: int | None = None
    mode: int = 0o644
    uid: int = 0


@dataclass(frozen=True)
class Change:
    """One step on the disk. OBJECTS: numbers of the directories, or the file, whose sync makes it certain."""

    what: str
    objects: tuple[int, ...]
    name: str = ""
    to: str = ""
    node: int = 0  # what a name means
    offset: int = 0
    data: bytes = b""
    mtime_ns: int | None = None  # that the file has afterwards; None: nobody asks

    @property
    def is_data(self) -> bool:
        return self.what in ("write", "truncate")


@dataclass(frozen=True)
class Sync:
    """OBJECT: None for syncfs."""

    object: int | None


Step = Change | Sync


class Recording:
    """A run: the tree before it, and its steps."""

    def __init__(self, top: Path) -> None:
        self.nodes: list[Node] = []
        self.steps: list[Step] = []
        self._numbers: dict[int, int] = {}  # of what an inode number means now
        self.top = self._scan(top)

    def _scan(self, path: Path) -> int:
        status = path.lstat()
        number = self._number(status.st_ino, path.is_dir())
        node = self.nodes[number]
        node.mode, node.mtime_ns, node.uid = status.st_mode & 0o7777, status.st_mtime_ns, status.st_uid
        if node.is_directory:
            for entry in sorted(path.iterdir()):
                node.entries[entry.name] = self._scan(entry)
        else:
            node.content = path.read_bytes()
        return number

    def _number(self, inode: int, is_directory: bool) -> int:
        self.nodes.append(Node(is_directory))
        self._numbers[inode] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def forget(self, directory: int, name: str) -> None:
        """Takes an entry of the tree back and makes it, with all below it, the first steps: nobody synced it."""
        number = self.nodes[directory].entries.pop(name)
        self._make(directory, name, number)

    def _make(self, directory: int, name: str, number: int) -> None:
        node = self.nodes[number]
        self.steps.append(Change("mkdir" if node.is_directory else "create", (directory,), name, node=number))
        if node.is_directory:
            entries, node.entries = node.entries, {}
            for entry, below in entries.items():
                self._make(number, entry, below)
        elif node.content:
            self.steps.append(Change("write", (number,), data=node.content, mtime_ns=node.mtime_ns))
            node.content = b""

    def find(self, path: str) -> tuple[int, str]:
        """@return the directory, and the name in it"""
        *directories, name = path.split("/")
        number = self.top
        for part in directories:
            number = self.nodes[number].entries[part]
        return number, name

    def read(self, log: Path) -> None:
        """What the shim wrote (tests/crash/shim/record.hpp)."""
        data = log.read_bytes() if log.exists() else b""
        at = 0
        while at < len(data):
            end = data.index(b"\n", at)
            words = data[at:end].decode().split()
            at = end + 1
            payload = b""
            if words[-1].startswith("+"):
                size = int(words.pop())
                payload = data[at : at + size]
                at += size + 1
            self._add(words, payload)

    def _add(self, words: list[str], data: bytes) -> None:
        what, *rest = words
        if what == "syncfs":
            self.steps.append(Sync(None))
        elif what == "sync":
            if int(rest[0]) in self._numbers:
                self.steps.append(Sync(self._numbers[int(rest[0])]))
        elif what in ("write", "truncate"):
            if int(rest[0]) in self._numbers:
                self.steps.append(Change(what, (self._numbers[int(rest[0])],), offset=int(rest[1]), data=data))
        elif what == "rename":
            self._rename(rest)
        elif int(rest[0]) in self._numbers:
            name, inode = unquote(rest[1]), int(rest[2])
            if what in ("create", "mkdir"):
                self._number(inode, what == "mkdir")
            if inode not in self._numbers:
                raise HarnessError(f"the log names inode {inode}, which nothing made: {' '.join(words)}")
            self.steps.append(Change(what, (self._numbers[int(rest[0])],), name, node=self._numbers[inode]))

    def _rename(self, rest: list[str]) -> None:
        directories = [self._numbers.get(int(rest[0])), self._numbers.get(int(rest[2]))]
        if None in directories:
            raise HarnessError(f"a rename into or out of the world: {' '.join(rest)}")
        node = self._numbers[int(rest[4])]
        self.steps.append(Change("rename", tuple(directories), unquote(rest[1]), unquote(rest[3]), node))  # type: ignore[arg-type]

    # --- after a power cut ---------------------------------------------------------------------------------------------

    def uncertain(self, end: int) -> list[int]:
        """Of the first END steps, the numbers of those that no sync among them made certain."""
        waiting: list[int] = []
        for number, step in enumerate(self.steps[:end]):
            if isinstance(step, Change):
                waiting.append(number)
            elif step.object is None:
                waiting = []
            else:
                waiting = [other for other in waiting if step.object not in self.steps[other].objects]  # type: ignore[union-attr]
        return waiting

    def state(self, end: int, lost: frozenset[int], zeroed: bool = False) -> State:
        """The tree after the first END steps without those LOST. ZEROED: what is written in lost steps leaves zeros."""
        state = State([Node(n.is_directory, n.content, dict(n.entries), n.mtime_ns, n.mode, n.uid) for n in self.nodes],
                      self.top)
        for number, step in enumerate(self.steps[:end]):
            if not isinstance(step, Change):
                continue
            if number not in lost:
                state.apply(step)
            elif zeroed and step.what == "write":
                state.apply(Change("write", step.objects, offset=step.offset, data=bytes(len(step.data))))
        return state


class State:
    def __init__(self, nodes: list[Node], top: int) -> None:
        self._nodes = nodes
        self._top = top

    def apply(self, change: Change) -> None:
        node = self._nodes[change.objects[0]]
        if change.what == "write":
            content = node.content.ljust(change.offset, b"\0")
            node.content = content[: change.offset] + change.data + content[change.offset + len(change.data) :]
            node.mtime_ns = change.mtime_ns
        elif change.what == "truncate":
            node.content = node.content[: change.offset].ljust(change.offset, b"\0")
            node.mtime_ns = None
        elif change.what in ("create", "mkdir", "link"):
            node.entries[change.name] = change.node
        else:
            if node.entries.get(change.name) == change.node:
                del node.entries[change.name]
            if change.what == "rename":
                self._nodes[change.objects[1]].entries[change.to] = change.node

    def digest(self) -> bytes:
        """Of all that can be reached."""
        sum_ = hashlib.sha256()

        def add(number: int) -> None:
            node = self._nodes[number]
            sum_.update(b"d" if node.is_directory else b"f%d:" % len(node.content) + node.content)
            for name, below in sorted(node.entries.items()):
                sum_.update(b"%d:" % len(name.encode()) + name.encode())
                add(below)
            sum_.update(b".")

        add(self._top)
        return sum_.digest()

    def write(self, path: Path) -> None:
        """As a tree at PATH, which must not exist."""
        self._write(self._top, path)

    def _write(self, number: int, path: Path) -> None:
        node = self._nodes[number]
        if node.is_directory:
            path.mkdir()
            for name, below in node.entries.items():
                self._write(below, path / name)
        else:
            path.write_bytes(node.content)
        if node.mtime_ns is not None and not node.is_directory:
            os.utime(path, ns=(node.mtime_ns, node.mtime_ns))
        os.chown(path, node.uid, -1)
        path.chmod(node.mode | (0o700 if node.is_directory else 0))
