"""The daemons of case G: started by the benchmark, ended with it. The queues listen on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from measure import BenchError, Run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    raise BenchError(f"{name} does not start")


class Daemon:
    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self._pid = pid

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def add_memory(self, run: Run) -> Run:
        """The daemon's own peak counts, where it is the larger process."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                run.rss_kib = max(run.rss_kib, int(line.split()[1]))
        return run


@contextmanager
def _process(words: Sequence[str | Path], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It ends when this process does, however that ends."""
    command = ["setpriv", "--pdeathsig", "KILL", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _daemon(name: str, words: list[str], port: int, directory: Path) -> Iterator[Daemon]:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    with _process(words, directory) as process:
        _wait_until_up(port, process, name)
        yield Daemon(port, process.pid)
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def follower(words: Sequence[str | Path], directory: Path, is_up: Callable[[], bool]) -> Iterator[Daemon]:
    """`upload-hook --follow`."""
    with _process(words, directory) as process:
        for _ in range(1000):
            if is_up():
                break
            time.sleep(0.02)
        else:
            raise BenchError("upload-hook --follow queued nothing within 20 s")
        yield Daemon(0, process.pid)


def beanstalkd(directory: Path) -> AbstractContextManager[Daemon]:
    """Each put is on disk before it is answered."""
    port = _free_port()
    words = ["beanstalkd", "-l", "127.0.0.1", "-p", str(port), "-b", str(directory), "-f0"]
    return _daemon("beanstalkd", words, port, directory)


def redis(directory: Path) -> AbstractContextManager[Daemon]:
    """Each write is on disk before it is answered."""
    port = _free_port()
    words = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory), "--save", ""]
    return _daemon("redis", [*words, "--appendonly", "yes", "--appendfsync", "always"], port, directory)
