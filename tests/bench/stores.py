"""Storing files on one server: nodespool, its peers and the bare protocol, as cases A, B, C and F need it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import peers
from context import Bench
from data import FileSet, compare_tree
from measure import Run
from nodespool import store
from peers import Command, Errand
from rounds import Group, Part, Role
from servers import Server


class Upload(Enum):
    """How the files get into the file space, before the clock starts."""

    COPIED = "copied"
    LINKED = "linked"  # large ones: a second name of the same file


@dataclass(frozen=True)
class StoreWork:
    bench: Bench
    server: Server
    files: FileSet
    warm_up: FileSet
    connections: int
    upload: Upload = Upload.COPIED
    file_space: Path | None = None

    def part(self, part: Part) -> FileSet:
        return self.files if part is Part.ALL else self.warm_up


def run_nodespool(work: StoreWork, part: Part, checksum: str) -> Run:
    files = work.part(part)
    cluster = work.bench.cluster(work.file_space)
    if work.upload is Upload.COPIED:
        files.copy_to(cluster.files)
    else:
        files.link_to(cluster.files)
    cluster.use_servers({"n1": work.server}, work.connections, checksum=checksum)
    cluster.queue_uploads(files.names)
    try:
        return store(cluster, files, work.server, work.connections)
    finally:
        work.server.forget_files()
        shutil.rmtree(cluster.files, ignore_errors=True)


def run_peer(work: StoreWork, part: Part, command_for: Callable[[Errand], Command], tool: str) -> Run:
    files = work.part(part)
    destination = work.server.fresh_directory("sent")
    errand = Errand(work.server, files, destination.name, work.connections, work.bench.disk)
    command = command_for(errand)
    try:
        run = work.bench.watch.run(command.words, [work.server], env=command.env)
        compare_tree(files, destination, tool)
        return run
    finally:
        work.server.forget_files()


def _peer(work: StoreWork, command_for: Callable[[Errand], Command], tool: str) -> Callable[[Part], Run]:
    return lambda part: run_peer(work, part, command_for, tool)


def _nodespool(work: StoreWork, checksum: str) -> Callable[[Part], Run]:
    return lambda part: run_nodespool(work, part, checksum)


def add_contestants(group: Group, work: StoreWork, checksums: dict[str, str]) -> None:
    """CHECKSUMS: the name of each nodespool that takes part, and its checksum."""
    for name, checksum in checksums.items():
        group.add(name, Role.OURS, _nodespool(work, checksum))
    for tool, command_for in peers.STORES.items():
        group.add(tool, Role.PEER, _peer(work, command_for, tool))
    helpers = work.bench.settings.helpers
    if work.server.protocol == "ftp":
        group.add("bare FTP", Role.BARE, _peer(work, lambda errand: peers.bare_ftp_store(errand, helpers), "bare FTP"))
        group.add(
            "bare FTP eager",
            Role.ASIDE,
            _peer(work, lambda errand: peers.bare_ftp_store(errand, helpers, "--eager"), "bare FTP eager"),
        )
    elif work.server.protocol == "sftp":
        group.add("bare SFTP", Role.BARE, _peer(work, lambda errand: peers.bare_sftp_store(errand, helpers), "bare SFTP"))
