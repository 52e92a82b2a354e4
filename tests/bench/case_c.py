"""C: files of mixed sizes, log-normal with a median of 64 KiB, 8 connections."""

from __future__ import annotations

import shutil

from context import Bench
from data import log_normal_sizes
from rounds import Group
from stores import StoreWork, add_contestants

_MIB = 1 << 20
_TOTAL_MIB = 2048
_CONNECTIONS = 8


def run(bench: Bench) -> None:
    mib = bench.settings.scaled(_TOTAL_MIB, 16)
    sizes = log_normal_sizes(mib * _MIB, largest=mib * _MIB // 8)
    files = bench.files("mixed", sizes)
    warm_up = files.first(max(4, len(sizes) // 20))
    for protocol in ("ftp", "ftps", "sftp"):
        server = bench.room.of(protocol)
        group = Group("C", protocol, "MiB/s", mib, _CONNECTIONS)
        group.note = f"{len(sizes)} files, {mib} MiB in all, the largest {max(sizes) / _MIB:.0f} MiB"
        work = StoreWork(bench, server, files, warm_up, _CONNECTIONS)
        add_contestants(group, work, {"nodespool": "sha256"})
        bench.run(group)
        server.stop()
    for made in (files, warm_up):
        shutil.rmtree(made.directory)
