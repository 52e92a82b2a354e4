"""D: remove many files, FTP and SFTP, with 1 and 8 connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from context import Bench
from data import FileSet, files_below
from measure import BenchError, Run
from peers import Command, Errand, curl_opening, lftp_command, rclone_command, sftp_command
from rounds import Group, Part, Role
from servers import Server

_BYTES = 4096
_FILES = 5000


@dataclass(frozen=True)
class RemoveWork:
    bench: Bench
    server: Server
    files: FileSet
    warm_up: FileSet
    connections: int

    def part(self, part: Part) -> FileSet:
        return self.files if part is Part.ALL else self.warm_up


def _lftp(errand: Errand) -> Command:
    """As many jobs as connections, each with its share of the names."""
    lines = []
    for turn in range(errand.connections):
        share = errand.files.names[turn :: errand.connections]
        if share:
            lines.append("rm " + " ".join(f"{errand.destination}/{name}" for name in share) + " &\n")
    return lftp_command(errand, "".join(lines) + "wait all\n")


def _curl(errand: Errand) -> Command:
    """Commands go out one by one, before a listing of nothing."""
    errand.one_connection_only("curl")
    lines = curl_opening(errand)
    if errand.server.protocol == "sftp":
        base = errand.server.root / errand.destination
        lines += [f'quote = "rm {base}/{name}"' for name in errand.files.names] + ["head"]
        lines.append(f'url = "{errand.url.rstrip("/")}{base}/"')
    else:
        lines += [f'quote = "DELE {errand.destination}/{name}"' for name in errand.files.names] + ["head"]
        lines.append(f'url = "{errand.url}"')
    return Command(["curl", "--disable", "--config", errand.write("curl.config", "\n".join(lines) + "\n")])


def _rclone(errand: Errand) -> Command:
    base = f"{errand.server.root}/" if errand.server.protocol == "sftp" else ""
    speed = [f"--transfers={errand.connections}", f"--checkers={errand.connections}", "--retries=1"]
    return rclone_command(errand, {"node": errand.server}, "delete", *speed, f"node:{base}{errand.destination}")


def _sftp(errand: Errand) -> Command:
    return sftp_command(errand, f"rm {errand.destination}/*\n")


_PEERS: dict[str, Callable[[Errand], Command]] = {"lftp": _lftp, "curl": _curl, "rclone": _rclone, "sftp": _sftp}


def _check_gone(server: Server, tool: str) -> None:
    left = files_below(server.root)
    if left:
        raise BenchError(f"{tool}: {len(left)} files are still there, first {left[0].name}")


def _run_peer(work: RemoveWork, part: Part, tool: str) -> Run:
    files = work.part(part)
    destination = work.server.fresh_directory("sent")
    for path in files.paths:
        (destination / path.name).write_bytes(path.read_bytes())
        work.server.give(destination / path.name)
    command = _PEERS[tool](Errand(work.server, files, destination.name, work.connections, work.bench.disk))
    try:
        run = work.bench.watch.run(command.words, [work.server], env=command.env)
        _check_gone(work.server, tool)
        return run
    finally:
        work.server.forget_files()


def _run_nodespool(work: RemoveWork, part: Part) -> Run:
    """The copies lie where store would have put them, one in each numbered directory in turn; the jobs are queued."""
    files = work.part(part)
    cluster = work.bench.cluster()
    cluster.files.mkdir()
    cluster.use_servers({"n1": work.server}, work.connections)
    lines = []
    for number, path in enumerate(files.paths):
        name = f"{number // 64 % 64:02d}/{number % 64:02d}/{path.name}"
        (work.server.root / name).write_bytes(path.read_bytes())
        work.server.give(work.server.root / name)
        lines.append(f"remove n1 {name} {files.sizes[path.name]} path={path.name}\n")
    cluster.run("queue", "add", "-q", text="".join(lines))
    run = cluster.measured("remove", "-q", "-j", str(work.connections), servers=[work.server])
    _check_gone(work.server, "nodespool")
    if cluster.jobs():
        raise BenchError(f"nodespool: jobs are left: {cluster.jobs()[0]}")
    return run


def _peer(work: RemoveWork, tool: str) -> Callable[[Part], Run]:
    return lambda part: _run_peer(work, part, tool)


def _nodespool(work: RemoveWork) -> Callable[[Part], Run]:
    return lambda part: _run_nodespool(work, part)


def run(bench: Bench) -> None:
    files = bench.files("removed", [_BYTES] * bench.settings.scaled(_FILES, 20))
    warm_up = files.first(max(10, len(files.sizes) // 10))
    for protocol in ("ftp", "sftp"):
        server = bench.room.of(protocol)
        for connections in (1, 8):
            group = Group("D", protocol, "files/s", len(files.sizes), connections)
            group.note = f"{len(files.sizes)} files"
            work = RemoveWork(bench, server, files, warm_up, connections)
            group.add("nodespool", Role.OURS, _nodespool(work))
            for tool in _PEERS:
                group.add(tool, Role.PEER, _peer(work, tool))
            bench.run(group)
        server.stop()
