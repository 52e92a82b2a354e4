"""F: a link with a round trip of 10 and of 50 ms (delay_link), FTP and SFTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from context import Bench
from data import FileSet
from measure import BenchError, Run
from rounds import Group, Part
from servers import Server
from stores import StoreWork, add_contestants

_BYTES = 4096
_FILES = 500
_SEEN_AS = "198.18.0.2"  # where clients connect to; see delay_link.cpp
_LISTENS_ON = "198.18.1.1"
_PORTS = {"ftp": 21210, "sftp": 21220}


class Link:
    def __init__(self, program: Path, round_trip_ms: int) -> None:
        self._process = subprocess.Popen(
            [program, str(round_trip_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        if self._process.stdout.readline() != "ready\n":
            raise BenchError("there is no delaying link: it needs root and /dev/net/tun")

    def count(self) -> dict[str, int]:
        """What passed since the last call."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("count\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class Counter:
    """Adds to the runs of one contestant what the link saw. Warm round trips: what each file cost beyond the warm-up,
    which logs in with as many connections, and sends two files over each."""

    def __init__(self, link: Link, round_trip_s: float, connections: int, files: FileSet, warm_up: FileSet) -> None:
        self._link = link
        self._round_trip_s = round_trip_s
        self._connections = connections
        self._sizes = {Part.ALL: len(files.sizes), Part.WARM_UP: len(warm_up.sizes)}
        self._warm_up_s = 0.0

    def around(self, run_part: Callable[[Part], Run]) -> Callable[[Part], Run]:
        def counted(part: Part) -> Run:
            self._link.count()
            run = run_part(part)
            if part is Part.WARM_UP:
                self._warm_up_s = run.seconds
            run.extra = self._extra(run, part)
            return run

        return counted

    def _extra(self, run: Run, part: Part) -> dict[str, Any]:
        seen, number = self._link.count(), self._sizes[part]
        extra = {"round trips a file": self._round_trips(run.seconds, number)}
        more = number - self._sizes[Part.WARM_UP]
        if part is Part.ALL and more > 0:
            extra["warm"] = self._round_trips(run.seconds - self._warm_up_s, more)
        for name in ("turns", "connections", "packets"):
            extra[f"{name} a file"] = seen[name] / number
        return extra

    def _round_trips(self, seconds: float, files: int) -> float:
        """How long a connection was busy with each file."""
        return seconds * self._connections / files / self._round_trip_s


def _group(bench: Bench, link: Link, server: Server, files: FileSet, connections: int, round_trip_ms: int) -> None:
    group = Group("F", f"{server.protocol} {round_trip_ms} ms", "files/s", len(files.sizes), connections)
    group.note = f"{len(files.sizes)} files of {_BYTES} bytes"
    warm_up = files.first(2 * connections)
    add_contestants(group, StoreWork(bench, server, files, warm_up, connections), {"nodespool": "sha256"})
    for contestant in group.contestants:
        counter = Counter(link, round_trip_ms / 1000, connections, files, warm_up)
        contestant.run = counter.around(contestant.run)
    # The delay decides, not chance: fewer rounds will do.
    bench.run(group, (bench.settings.rounds + 1) // 2)


def run(bench: Bench) -> None:
    most = bench.settings.scaled(_FILES, 8)
    small = bench.files("small-f", [_BYTES] * most)
    for round_trip_ms in (10, 50):
        link = Link(bench.helper("delay_link"), round_trip_ms)
        for protocol in ("ftp", "sftp"):
            start = {"ftp": bench.room.vsftpd, "sftp": bench.room.sshd}[protocol]
            server = start(address=(_LISTENS_ON, _PORTS[protocol]), seen_as=_SEEN_AS)
            for connections in bench.settings.connections:
                # Few connections take long: they get a half of the files, on the long link a quarter.
                share = 1 if connections >= 8 else 2 * (round_trip_ms // 50 + 1)
                count = min(most, max(4 * connections, most // share))
                _group(bench, link, server, small.first(count), connections, round_trip_ms)
            server.stop()
        link.close()
