"""E: replicate from node to node over FTP: small files, one large file, and several copies from one read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from context import Bench
from data import FileSet, compare_tree
from measure import BenchError, Run
from nodespool import Cluster
from peers import Errand, rclone_command, rclone_speed
from rounds import Group, Part, Role
from servers import Server

_MIB = 1 << 20
_BYTES = 4096
_FILES = 1000
_LARGE_MIB = 1024
_CONNECTIONS = 8
_SLOW_MIB_S = 64


@dataclass(frozen=True)
class ReplicateWork:
    bench: Bench
    servers: list[Server]  # the first has the files
    files: FileSet
    warm_up: FileSet

    def part(self, part: Part) -> FileSet:
        return self.files if part is Part.ALL else self.warm_up

    def forget(self) -> None:
        for server in self.servers:
            server.forget_files()


def _stored(work: ReplicateWork, files: FileSet, new_copies: int) -> Cluster:
    """A cluster whose files are on n1, as store would have put them there (a file a job, one link file each)."""
    cluster = work.bench.cluster(work.bench.nodes / "upload")
    files.link_to(cluster.files)
    nodes = {f"n{number + 1}": server for number, server in enumerate(work.servers[: new_copies + 1])}
    as_directory = {"n1": f"[node.n1]\nurl = file://{work.servers[0].root}\n"}
    cluster.configure(as_directory, {"n1": work.servers[0].root})
    cluster.queue_uploads(files.names)
    cluster.run("store", "-q")
    for copies in cluster.copies().values():
        work.servers[0].give(copies[0].path)
    cluster.use_servers(nodes, _CONNECTIONS)
    return cluster


def _read_bytes(server: Server) -> int:
    """What was read from this server: its log of transfers ends a download's line with its size and rate."""
    log = server.directory / "vsftpd.log"
    lines = [line for line in log.read_text().splitlines() if "OK DOWNLOAD" in line] if log.exists() else []
    return sum(int(line.split('", ')[-1].split(" bytes")[0]) for line in lines)


def _run_nodespool(work: ReplicateWork, part: Part, new_copies: int) -> Run:
    files = work.part(part)
    try:
        cluster = _stored(work, files, new_copies)
        lines = []
        for line in cluster.run("list", "-lr").splitlines():
            lines.append("replicate {} {} {} copies={}\n".format(*line.split()[1:4], new_copies + 1))
        cluster.run("queue", "add", "-q", text="".join(lines))
        before = _read_bytes(work.servers[0])
        run = cluster.measured("replicate", "-q", "-j", str(_CONNECTIONS), servers=work.servers[: new_copies + 1])
        cluster.check_copies(files, new_copies + 1)
        if cluster.jobs():
            raise BenchError(f"nodespool: jobs are left: {cluster.jobs()[0]}")
        run.extra = {"source reads": (_read_bytes(work.servers[0]) - before) / files.bytes}
        return run
    finally:
        work.forget()


def _run_rclone(work: ReplicateWork, part: Part) -> Run:
    files = work.part(part)
    source, target = work.servers[:2]
    try:
        sent, received = source.fresh_directory("sent"), target.fresh_directory("sent")
        for path in files.paths:
            shutil.copyfile(path, sent / path.name)
            source.give(sent / path.name)
        errand = Errand(source, files, "sent", _CONNECTIONS, work.bench.disk)
        words = ["copy", *rclone_speed(_CONNECTIONS), "source:sent", "target:sent"]
        command = rclone_command(errand, {"source": source, "target": target}, *words)
        run = work.bench.watch.run(command.words, [source, target])
        compare_tree(files, received, "rclone")
        return run
    finally:
        work.forget()


def _nodespool(work: ReplicateWork, new_copies: int) -> Callable[[Part], Run]:
    return lambda part: _run_nodespool(work, part, new_copies)


def _against_rclone(work: ReplicateWork, label: str, unit: str, amount: float, note: str) -> None:
    group = Group("E", label, unit, amount, _CONNECTIONS, note=note)
    group.add("nodespool", Role.OURS, _nodespool(work, 1))
    group.add("rclone", Role.PEER, lambda part: _run_rclone(work, part))
    for tool in ("lftp", "ncftpput", "curl"):
        group.dashes[tool] = "does not copy from server to server through bounded memory"
    work.bench.run(group)


def _several_copies(work: ReplicateWork, label: str, mib: float, note: str) -> None:
    group = Group("E", label, "MiB/s", mib, _CONNECTIONS, note=note)
    group.add("nodespool, 1 new copy", Role.OURS, _nodespool(work, 1))
    group.add("nodespool, 3 new copies", Role.OURS, _nodespool(work, 3))
    work.bench.run(group)


def run(bench: Bench) -> None:
    log = ("xferlog_enable=YES",)
    servers = [bench.room.vsftpd(*log) for _ in range(4)]
    count, mib = bench.settings.scaled(_FILES, 20), bench.settings.scaled(_LARGE_MIB, 8)
    small = bench.files("replicated", [_BYTES] * count, bench.nodes)
    large = bench.files("replicated-large", [mib * _MIB], bench.nodes)
    little = bench.files("replicated-warm-up", [_MIB], bench.nodes)
    works = [
        ReplicateWork(bench, servers, small, small.first(max(10, count // 10))),
        ReplicateWork(bench, servers, large, little),
    ]
    _against_rclone(works[0], "small files", "files/s", count, f"{count} files of {_BYTES} bytes")
    _against_rclone(works[1], "one large file", "MiB/s", mib, f"one file of {mib} MiB")
    _several_copies(works[1], "one large file, several copies", mib, f"one file of {mib} MiB; rate of reading")
    slow = bench.room.vsftpd(*log, f"local_max_rate={_SLOW_MIB_S * _MIB}")
    limited = ReplicateWork(bench, [slow, *servers[1:]], large, little)
    note = f"one file of {mib} MiB; the source gives {_SLOW_MIB_S} MiB/s, so that the nodes' CPUs are not the limit"
    _several_copies(limited, "one large file, slow source", mib, note)
    for server in [*servers, slow]:
        server.stop()
    for files in (small, works[0].warm_up, large, little):
        shutil.rmtree(files.directory)
