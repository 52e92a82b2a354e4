"""nodespool as a contestant: clusters, their queues, and a look whether every file is where its link file says."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import FileSet, compare, files_below
from measure import BenchError, Run, StopWatch
from servers import Server


@dataclass(frozen=True)
class Copy:
    node: str
    path: Path


def node_section(name: str, server: Server, connections: int) -> str:
    """A [node] section; the configuration is 0600, so the password may stand in it."""
    keys = {"connections": str(connections)}
    if server.protocol == "sftp":
        keys["url"] = f"sftp://{server.user}@{server.address}:{server.port}/"
        keys["identity-file"] = str(server.key)
        keys["known-hosts-file"] = str(server.known_hosts)
        keys["ssh-config-file"] = str(server.ssh_config)
    else:
        keys["url"] = f"ftp://{server.user}:{server.password}@{server.address}:{server.port}/"
    if server.protocol == "ftps":
        keys["tls"] = "require"
        keys["ca-file"] = str(server.ca_file)
    return f"[node.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


class Cluster:
    """A cluster of its own for one run."""

    def __init__(self, root: Path, files: Path, programs: Path, watch: StopWatch) -> None:
        for directory in (root, files):
            shutil.rmtree(directory, ignore_errors=True)
        root.mkdir()
        (root / ".queue").mkdir(mode=0o2770)
        self.root = root
        self.files = files
        self._programs = programs
        self._watch = watch
        self._nodes: dict[str, Path] = {}

    def configure(self, sections: dict[str, str], roots: dict[str, Path], **keys: str) -> None:
        """SECTIONS and ROOTS: of each node, what the configuration says and where its files lie."""
        self._nodes = roots
        text = f"[cluster]\nfiles = {self.files}\nlog = {self.root}.log\n"
        text += "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in keys.items())
        path = self.root / ".cluster.conf"
        path.touch(mode=0o600)
        path.write_text(text + "".join(sections.values()))

    def use_servers(self, servers: dict[str, Server], connections: int, **keys: str) -> None:
        sections = {name: node_section(name, server, connections) for name, server in servers.items()}
        self.configure(sections, {name: server.root for name, server in servers.items()}, **keys)

    def program(self, *words: str | Path) -> list[str | Path]:
        """`store -j 4` becomes the command line for this cluster."""
        name, *arguments = words
        head: list[str | Path] = [self._programs / str(name)]
        if name == "queue":
            head.append(arguments.pop(0))
        return [*head, "-C", self.root, *arguments]

    def run(self, *words: str | Path, text: str | None = None) -> str:
        """Unmeasured."""
        command = self.program(*words)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{words[0]}: exit status {done.returncode}: {(done.stderr or self.log_tail())[-300:]}")
        return done.stdout

    def measured(
        self,
        *words: str | Path,
        servers: Sequence[Server] = (),
        stdin: Path | None = None,
        stdout: Path | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Run:
        try:
            return self._watch.run(self.program(*words), servers, stdin=stdin, stdout=stdout, prepare=prepare)
        except BenchError as error:
            raise BenchError(f"{error} / {self.log_tail()}") from None

    def log_tail(self) -> str:
        log = Path(f"{self.root}.log")
        return log.read_text(errors="replace")[-300:] if log.exists() else ""

    def queue_uploads(self, names: Iterable[str]) -> None:
        """In calls of 5,000 each, as a shell's xargs would."""
        waiting = list(names)
        for start in range(0, len(waiting), 5000):
            self.run("upload-hook", "-q", *waiting[start : start + 5000])

    def write_queue_file(self, name: str, lines: Iterable[str]) -> Path:
        path = self.root / ".queue" / name
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines)
        path.chmod(0o660)
        return path

    def copies(self) -> dict[str, list[Copy]]:
        """What the link files record."""
        links = self.root / ".links"
        recorded: dict[str, list[Copy]] = {}
        for entry in os.scandir(links):
            if entry.is_file():
                words = [line.split() for line in Path(entry.path).read_text().splitlines()[1:]]
                recorded[entry.name] = [
                    Copy(word[1], self._nodes[word[1]] / word[2]) for word in words if word[0] == "server"
                ]
        return recorded

    def check_copies(self, files: FileSet, copies_each: int = 1) -> None:
        """Each file is recorded with so many copies, each is there byte by byte, and the nodes hold nothing else."""
        recorded = self.copies()
        for name, copies in recorded.items():
            if len(copies) != copies_each:
                raise BenchError(f"nodespool: {name} has {len(copies)} copies, expected {copies_each}")
        for turn in range(copies_each):
            compare(files, {name: copies[turn].path for name, copies in recorded.items()}, "nodespool")
        held = sum(len(files_below(root)) for root in self._nodes.values())
        if held != copies_each * len(files.sizes):
            raise BenchError(f"nodespool: the nodes hold {held} files, expected {copies_each * len(files.sizes)}")
        left = files_below(self.files)
        if left:
            raise BenchError(f"nodespool: {len(left)} files are left in the file space, first {left[0]}")

    def jobs(self) -> list[str]:
        return self.run("queue", "list").splitlines()


def store(cluster: Cluster, files: FileSet, server: Server, connections: int) -> Run:
    """Jobs are queued already; measured is `store` alone. All that it did is looked at."""
    run = cluster.measured("store", "-q", "-j", str(connections), servers=[server])
    cluster.check_copies(files)
    if cluster.jobs():
        raise BenchError(f"nodespool: jobs are left: {cluster.jobs()[0]}")
    return run
