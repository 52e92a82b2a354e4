"""Who puts a hand on queue files while processors work on them: an editor, and an operator who holds and releases."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lab import Lab, LoadError, Part
from owners import Owner

_MOST_BETWEEN_EDITS_S = 0.3
_MOST_HELD_S = 0.4


class Editor(Owner):
    """Saves over queue files as editors do, with upload jobs of his own between the lines. What he saved is accepted."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, "editor", 0)
        self.saved = 0

    def work(self) -> None:
        while not self.lab.quiet.wait(self.random.uniform(0.02, _MOST_BETWEEN_EDITS_S)):
            names = self.lab.cluster.queue_files()
            if names:
                self._edit(self.random.choice(names))

    def _edit(self, name: str) -> None:
        path = self.lab.cluster.root / ".queue" / name
        self.lab.ledger.add("touched", queue_file=name)
        way = self.random.choice((self._rename_over, self._keep_backup, self._append, self._sed))
        if way == self._sed:
            self.saved += self._sed(path)
            return
        try:
            before = path.read_text()
        except FileNotFoundError:
            return  # worked off meanwhile
        fact = self.put(self.new_path())
        line = f"upload {fact['path']} 0 {fact['size']} {fact['version']}\n"
        if not way(path, before, line):
            way = self._rename_over  # it was worked off meanwhile: it becomes a new one
            way(path, before, line)
        self.lab.ledger.add("upload", **fact)
        self.saved += 1

    def _rename_over(self, path: Path, before: str, line: str) -> bool:
        beside = path.with_name(path.name + ".new")
        beside.write_text(f"# edited\n{before}{line}")
        beside.rename(path)
        return True

    def _keep_backup(self, path: Path, before: str, line: str) -> bool:
        """As vi does where it cannot or shall not rename over: the old file gets another name first."""
        backup = path.with_name(path.name + "~")
        try:
            path.rename(backup)
        except FileNotFoundError:
            return False
        path.write_text(line + before)
        backup.unlink()
        return True

    def _append(self, path: Path, before: str, line: str) -> bool:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:
            return False
        with open(fd, "w") as out:
            out.write(line)
        return True

    def _sed(self, path: Path) -> int:
        """sed -i: what is not ticked off gets an attribute that nobody knows."""
        done = subprocess.run(
            ["sed", "-i", "/^[a-z]/{/ edited=/!s/$/ edited=yes/}", path], capture_output=True, text=True, check=False
        )
        if done.returncode != 0 and path.exists():
            raise LoadError(f"sed -i {path}: {done.stderr}")
        return 1 if done.returncode == 0 else 0


class Operator(Part):
    """Holds queue files, releases them, and makes deferred jobs due."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, "operator")
        self.held = 0

    def work(self) -> None:
        while not self.lab.quiet.is_set():
            names = self.lab.cluster.queue_files()
            if names:
                self._hold(self.random.choice(names))
            else:
                self.lab.quiet.wait(0.05)
            self._run("retry")

    def _hold(self, name: str) -> None:
        self.lab.ledger.add("touched", queue_file=name)
        if self._run("hold", name) == 0:
            self.held += 1
        self.lab.quiet.wait(self.random.uniform(0, _MOST_HELD_S))
        self._run("release", name)  # if another file has its name by now, once that is done

    def _run(self, *arguments: str) -> int:
        done = self.lab.run("queue", *arguments)
        # It was worked off meanwhile (74), or somebody has saved another one under its name (73).
        if done.returncode not in (0, 73, 74):
            raise LoadError(f"queue {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.returncode
