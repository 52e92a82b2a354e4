"""B: one large file over FTP, FTPS and SFTP, from tmpfs (or where BENCH_NODE_DIR is) to tmpfs."""

from __future__ import annotations

import shutil

from context import Bench
from rounds import Group
from stores import StoreWork, Upload, add_contestants

_MIB = 1 << 20
_SIZE_MIB = 2048


def run(bench: Bench) -> None:
    mib = bench.settings.scaled(_SIZE_MIB, 8)
    # Beside the servers' roots: reading must not be the limit. nodespool's file space lies there too.
    files = bench.files("large", [mib * _MIB], bench.nodes)
    warm_up = bench.files("large-warm-up", [max(1, mib // 20) * _MIB], bench.nodes)
    for protocol in ("ftp", "ftps", "sftp"):
        server = bench.room.of(protocol)
        group = Group("B", protocol, "MiB/s", mib, 1)
        group.note = f"one file of {mib} MiB"
        work = StoreWork(bench, server, files, warm_up, 1, Upload.LINKED, bench.nodes / "upload")
        add_contestants(group, work, {"nodespool none": "none", "nodespool sha256": "sha256"})
        bench.run(group)
        server.stop()
    for made in (files, warm_up):
        shutil.rmtree(made.directory)
