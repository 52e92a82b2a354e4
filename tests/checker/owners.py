"""Users and operators who each have files of their own: what one of them was told last about a file is what must be."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, LoadError, Part, until

_PATIENCE_S = 20  # a file that is being taken away is back, or gone, after a moment


@dataclass
class Version:
    """What stood in the file space last."""

    mtime: str
    size: int
    one_more: bool | None = None  # is one copy more asked for at a time, or a number? None: not asked yet
    asked: int = 0  # so many times one more


class Owner(Part):
    """Uploads files and new versions of them, has them replicated, deletes them."""

    def __init__(self, lab: Lab, name: str, steps: int) -> None:
        super().__init__(lab, name)
        self._steps = steps
        self._made = 0
        self._serial = 0
        self.files: dict[str, Version] = {}
        self._deleted: list[str] = []

    def work(self) -> None:
        actions = (
            (self._upload_new, 30),
            (self._upload_again, 20),
            (self._replicate, 25),
            (self._delete, 10),
            (self._remove_stray, 8),
            (self._remove_what_is_recorded, 7),
        )
        for _ in range(self._steps):
            (action,) = self.random.choices([a for a, _ in actions], [weight for _, weight in actions])
            action()

    def must(self, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = self.lab.run(program, *arguments, stdin=stdin)
        if done.returncode != 0:
            raise LoadError(f"{program} {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done

    # --- uploads -----------------------------------------------------------------------------------------------------

    def put(self, path: str) -> dict[str, object]:
        """Writes a file as a server does that serves a client. @return what the ledger wants to know of it"""
        size = self.random.choice((0, 100, 5_000, 30_000, 30_000, 70_000, 1_500_000))
        content = self.random.randbytes(size)
        target = self.lab.cluster.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.random.random() < 0.5:
            beside = target.with_name("." + target.name + ".part")
            beside.write_bytes(content)
            version = _version_of(beside)
            beside.rename(target)
        else:
            with target.open("wb") as out:
                for half in (content[: size // 2], content[size // 2 :]):
                    out.write(half)
                    out.flush()
                version = _version_of(Path(f"/proc/self/fd/{out.fileno()}"))
        self.files[path] = version
        return {"path": path, "version": version.mtime, "size": size, "sha256": hashlib.sha256(content).hexdigest()}

    def again(self) -> Owner:
        """The same person, at work once more."""
        other = Owner(self.lab, self.name, self._steps)
        other.random, other.files, other._deleted = self.random, self.files, self._deleted
        other._made, other._serial = self._made, self._serial
        return other

    def new_path(self) -> str:
        if self._deleted and self.random.random() < 0.2:
            return self._deleted.pop()
        self._made += 1
        return f"{self.name}/{self._made % 5}/file-{self._made}"

    def _upload_new(self) -> None:
        self._upload([self.new_path() for _ in range(self.random.randint(1, 6))])

    def _upload_again(self) -> None:
        if self.files:
            self._upload([self.random.choice(sorted(self.files))])

    def _upload(self, paths: list[str]) -> None:
        facts = [self.put(path) for path in paths]
        names = [str(self.lab.cluster.files / path) for path in paths]
        # While store takes the version before away, the name is gone for a moment, with what was written over it.
        if not until(_PATIENCE_S, lambda: all(os.path.exists(name) for name in names)):
            raise LoadError(f"an upload does not come back under its name: {names}")
        done = self.must("upload-hook", "--json", *names)
        for fact, line in zip(facts, done.stdout.splitlines(), strict=True):
            self.lab.ledger.add("upload", **fact, queue_file=json.loads(line)["queue-file"])

    # --- what is stored ----------------------------------------------------------------------------------------------

    def _stored(self) -> list[str]:
        """Files whose last version is in the catalogue."""
        found = []
        for path, version in sorted(self.files.items()):
            link = self.lab.cluster.link(path)
            if link is not None and (link.size, link.version) == (version.size, version.mtime):
                found.append(path)
        return found

    def _replicate(self) -> None:
        events, lines = [], []
        stored = self._stored()
        for path in self.random.sample(stored, min(len(stored), 8)):
            version = self.files[path]
            if version.one_more is None:
                version.one_more = self.random.random() < 0.4
            if version.one_more and version.asked == len(self.lab.cluster.nodes) - 1:
                continue  # a copy that no node is left for would be asked for until there is one
            copies = 0 if version.one_more else self.random.choice((2, 2, 3))
            line = f"replicate {path} {version.size} {version.mtime}"
            job = ""
            if copies:
                line += f" copies={copies}"
            else:
                version.asked += 1
                self._serial += 1
                job = f"{self.name}-{self._serial}"
                line += f" job={job}"
            events.append({"path": path, "version": version.mtime, "copies": copies, "job": job})
            lines.append(line)
        self._queue("replicate", events, lines)

    def _queue(self, what: str, events: list[dict[str, object]], lines: list[str]) -> None:
        if not lines:
            return
        done = self.must("queue", "add", "--json", stdin="".join(line + "\n" for line in lines))
        for event in events:
            self.lab.ledger.add(what, **event, queue_file=json.loads(done.stdout)["queue-file"])

    def _delete(self) -> None:
        """Stored ones, and such as wait to be stored."""
        paths = self.random.sample(sorted(self.files), min(len(self.files), 2))
        if not paths:
            return
        self.must("delete", *paths)
        for path in paths:
            self.lab.ledger.add("delete", path=path)
            del self.files[path]
            self._deleted.append(path)

    # --- remove jobs by hand -----------------------------------------------------------------------------------------

    def _remove_stray(self) -> None:
        """What somebody put on a node."""
        node = self.random.choice(sorted(self.lab.cluster.nodes))
        self._serial += 1
        name = f"stray-{self.name}-{self._serial}"
        (self.lab.cluster.nodes[node] / name).write_text("stray")
        os.chown(self.lab.cluster.nodes[node] / name, *_owner_of(self.lab.cluster.nodes[node]))
        self._queue("remove", [{"node": node, "name": name}], [f"remove {node} {name} 5"])

    def _remove_what_is_recorded(self) -> None:
        """A job whose copy is still wanted: it has no effect."""
        for path in self._stored()[:1]:
            link = self.lab.cluster.link(path)
            if link is None:
                continue
            lines = [f"remove {node} {name} {link.size} path={path}" for node, name in link.copies[:1]]
            self._queue("refused", [{} for _ in lines], lines)


def _version_of(path: Path) -> Version:
    status = path.stat()
    return Version(f"{status.st_mtime_ns // 10**9}.{status.st_mtime_ns % 10**9:09}", status.st_size)


def _owner_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid
