"""A: many small files over FTP, FTPS and SFTP."""

from __future__ import annotations

from context import Bench
from rounds import Group
from stores import StoreWork, add_contestants

_BYTES = 4096
_FILES = 5000


def run(bench: Bench) -> None:
    files = bench.files("small", [_BYTES] * bench.settings.scaled(_FILES, 20))
    warm_up = files.first(max(10, len(files.sizes) // 10))
    for protocol in ("ftp", "ftps", "sftp"):
        server = bench.room.of(protocol)
        for connections in bench.settings.connections:
            group = Group("A", protocol, "files/s", len(files.sizes), connections)
            group.note = f"{len(files.sizes)} files of {_BYTES} bytes"
            work = StoreWork(bench, server, files, warm_up, connections)
            add_contestants(group, work, {"nodespool": "sha256"})
            bench.run(group)
        server.stop()
