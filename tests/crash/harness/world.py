"""A small cluster in a directory of its own, and what must hold of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import servers
import shim
from settings import Broken, HarnessError, Settings

_NODES = ("n1", "n2", "n3")


@dataclass(frozen=True)
class Link:
    """A link file, as nodespool-link's format has it. All names in scenarios are plain."""

    path: str
    size: int
    copies: list[tuple[str, str]]  # node, name on it
    gone: list[tuple[str, str]]
    wanted: int


@dataclass
class World:
    """PATH/cluster, PATH/files, PATH/n1 … Nodes on a server lie below its root instead, under this world's name."""

    settings: Settings
    path: Path
    over: str = servers.DIRECTORY  # the kind of node
    nodes: tuple[str, ...] = _NODES[:2]
    cluster_lines: str = ""
    log: list[str] = field(default_factory=list)

    # --- its life ----------------------------------------------------------------------------------------------------

    def make_place(self) -> None:
        """An empty directory of its own, here and on the server; what was there goes."""
        self.remove()
        self.path.mkdir(parents=True)
        if self.is_on_server:
            self._on_server.mkdir()

    def create(self) -> None:
        self.make_place()
        for directory in (self.root, self.files, *(self.node(name) for name in self.nodes)):
            directory.mkdir(parents=True)
        if self.is_on_server:
            self._give_to_server(self._on_server)
        self.configure()

    def copy_from(self, template: World) -> None:
        """Everything but what names the template's place."""
        self.make_place()
        subprocess.run(["cp", "-a", f"{template.path}/.", self.path], check=True)
        if self.is_on_server:
            subprocess.run(["cp", "-a", f"{template._on_server}/.", self._on_server], check=True)
        self.configure()

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self.is_on_server:
            shutil.rmtree(self._on_server, ignore_errors=True)

    def configure(self) -> None:
        lines = [f"[cluster]\nfiles = {self.files}\n{self.cluster_lines}"]
        for name in self.nodes:
            lines.append(f"[node.{name}]\n{self._section(name)}")
        config = self.root / ".cluster.conf"
        config.write_text("".join(lines))
        config.chmod(0o600)

    def _section(self, name: str) -> str:
        if not self.is_on_server:
            return f"url = file://{self.node(name)}\n"
        server = servers.server_for(self.over)
        return f"url = {server.url}/{self.path.name}/{name}\n{server.lines}"

    @property
    def is_on_server(self) -> bool:
        return self.over != servers.DIRECTORY

    @property
    def _on_server(self) -> Path:
        return servers.server_for(self.over).root / self.path.name

    def _give_to_server(self, directory: Path) -> None:
        owner = servers.server_for(self.over).root.stat()
        for entry in (directory, *directory.rglob("*")):
            os.chown(entry, owner.st_uid, owner.st_gid)

    @property
    def root(self) -> Path:
        return self.path / "cluster"

    @property
    def files(self) -> Path:
        return self.path / "files"

    def node(self, name: str) -> Path:
        return (self._on_server if self.is_on_server else self.path) / name

    # --- what one does in it -------------------------------------------------------------------------------------------

    def upload(self, name: str, content: str) -> None:
        target = self.files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def upload_line(self, name: str) -> str:
        status = (self.files / name).stat()
        return f"upload {name} {status.st_uid} {status.st_size} {_time_text(status.st_mtime_ns)}"

    def replicate_line(self, name: str, more: str = "") -> str:
        first = (self.root / ".links" / name).read_text().splitlines()[0].split()
        return f"replicate {name} {first[1]} {first[3]} {more}".rstrip()

    def queue(self, name: str, *lines: str) -> None:
        """A queue file in one piece."""
        (self.root / ".queue").mkdir(exist_ok=True)
        (self.root / ".queue" / name).write_text("".join(line + "\n" for line in lines))

    def run(self, program: str, *arguments: str, stdin: str = "", stdout: Path | None = None) -> shim.Ended:
        return self.run_with(None, program, *arguments, stdin=stdin, stdout=stdout)

    def run_with(
        self,
        plan: shim.Plan | None,
        program: str,
        *arguments: str,
        stdin: str = "",
        stdout: Path | None = None,
        record: Path | None = None,
    ) -> shim.Ended:
        words = self.words(program, arguments)
        ended = shim.run(
            self.settings, program, words, stdin=stdin, stdout=stdout, plan=plan, scratch=self.path, record=record
        )
        self.log.append(f"$ {program} {' '.join(words)}\n{ended.stdout}{ended.stderr}exit status {ended.status}")
        return ended

    def words(self, program: str, arguments: tuple[str, ...]) -> list[str]:
        """A subcommand stands before -C."""
        at = 1 if program == "queue" else 0
        return [*arguments[:at], "-C", str(self.root), *arguments[at:]]

    def must(self, program: str, *arguments: str, stdin: str = "") -> str:
        """@return its standard output"""
        ended = self.run(program, *arguments, stdin=stdin)
        if ended.status != 0:
            raise HarnessError(f"{program} ended with {ended.status}: {ended.stderr}")
        return ended.stdout

    def put(self, *names: str) -> None:
        """Uploads and stores them, each with a content of its own."""
        for name in names:
            self.upload(name, content_of(name))
        self.queue("put.q", *(self.upload_line(name) for name in names))
        self.must("store")

    def settle(self, *programs: str) -> None:
        """Runs the processors as cron would, until nothing waits (three times at most)."""
        for _ in range(3):
            self.run("queue", "retry")
            statuses = [self.run(program).status for program in programs]
            deferred = any("not-before=" in job for job in self.jobs())
            if not any(statuses) and not deferred and not self.hidden_in_queue():
                break

    # --- what is there ---------------------------------------------------------------------------------------------------

    def link(self, name: str) -> Link | None:
        path = self.root / ".links" / name
        if not path.is_file():
            return None
        lines = path.read_text().splitlines()
        first = lines[0].split()
        named = {"server": [], "gone": []}
        wanted = 1
        for line in lines[1:]:
            words = line.split()
            if words[0] in named:
                named[words[0]].append((words[1], words[2]))
            elif words[0] == "copies":
                wanted = int(words[1])
        return Link(first[0], int(first[1]), named["server"], named["gone"], wanted)

    def links(self) -> list[Link]:
        top = self.root / ".links"
        names = (path.relative_to(top) for path in top.rglob("*") if path.is_file())
        return [link for name in names if not name.parts[0].startswith(".") and (link := self.link(str(name)))]

    def jobs(self) -> list[str]:
        """Live lines of the queue."""
        lines = []
        for path in sorted((self.root / ".queue").glob("*.q")):
            if not path.name.startswith("."):
                lines += [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        return lines

    def hidden_in_queue(self) -> list[str]:
        queue = self.root / ".queue"
        return [path.name for path in queue.iterdir() if path.name.startswith(".") and path.is_file()]

    def copies_on_nodes(self) -> dict[tuple[str, str], bytes]:
        found = {}
        for name in self.nodes:
            top = self.node(name)
            for path in top.rglob("*"):
                if path.is_file():
                    found[name, str(path.relative_to(top))] = path.read_bytes()
        return found

    # --- what must hold -----------------------------------------------------------------------------------------------------

    def check_stored(self, contents: dict[str, str], copies: int = 1) -> None:
        """Exactly these files are recorded, each with so many copies, and every copy has the bytes."""
        held = self.copies_on_nodes()
        expect(sorted(link.path for link in self.links()), sorted(contents), "files that are recorded")
        for name, content in contents.items():
            link = self.link(name)
            assert link is not None
            expect(link.size, len(content.encode()), f"{name}: recorded size")
            expect(len(link.copies), copies, f"{name}: recorded copies")
            expect(len({node for node, _ in link.copies}), copies, f"{name}: nodes with a copy")
            for copy in link.copies:
                expect(held.get(copy), content.encode(), f"{name}: bytes of the copy on {copy[0]}")

    def check_nothing_else(self, jobs: list[str] | None = None) -> None:
        """No copy that no link knows, no job but these, nothing under a temporary name, no upload left."""
        known = {copy for link in self.links() for copy in (*link.copies, *link.gone)}
        expect(sorted(set(self.copies_on_nodes()) - known), [], "copies that no link file knows")
        expect(self.jobs(), jobs or [], "jobs in the queue")
        self.check_no_temporaries()
        expect([str(path) for path in self.files.rglob("*") if path.is_file()], [], "files left in the file space")

    def check_no_temporaries(self) -> None:
        odd = re.compile(r"\.(tmp|done)$|^\.nodespool-")
        places = (self.root, self.files, *(self.node(name) for name in self.nodes))
        found = [str(path) for place in places for path in place.rglob("*") if odd.search(path.name) and path.is_file()]
        expect(found, [], "temporary names")


def content_of(name: str) -> str:
    return f"the content of {name}\n" * 3


def expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise Broken(f"{what}: found {found!r}, expected {expected!r}")


def _time_text(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"
