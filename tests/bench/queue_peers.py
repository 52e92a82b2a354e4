"""Other queues as contestants of case G: submitting N jobs, and taking them out again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import daemons
from context import Bench
from measure import BenchError, Run
from settings import HERE

_CLIENT = HERE / "queue_peer.py"


class DirqPeer:
    """python3-dirq in one process that stays. SYNCED: with an fsync of each element, which it lacks."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench = bench
        self._name = name
        self._directory = bench.disk / "dirq"

    def submit(self, count: int) -> Run:
        shutil.rmtree(self._directory, ignore_errors=True)
        return self._run("submit", count)

    def drain(self, count: int) -> Run:
        self.submit(count)
        return self._run("drain", count)

    def _run(self, action: str, count: int) -> Run:
        return self._bench.watch.run([_CLIENT, self._name, self._directory, action, str(count)])


class DirqProcessPeer:
    """A Python process for each submission, as a hook would be."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def submit(self, count: int) -> Run:
        directory = self._bench.disk / "dirq"
        shutil.rmtree(directory, ignore_errors=True)
        names = numbers_file(self._bench, count, "1")
        run = self._bench.watch.run([self._bench.helper("each"), names, _CLIENT, "dirq", directory, "submit"])
        run.amount = count
        return run


class DaemonPeer:
    """beanstalkd or redis, over one connection that stays."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench = bench
        self._name = name

    def submit(self, count: int) -> Run:
        with self._daemon() as daemon:
            return daemon.add_memory(self._run(daemon.port, "submit", count))

    def drain(self, count: int) -> Run:
        with self._daemon() as daemon:
            self._run(daemon.port, "submit", count)
            return daemon.add_memory(self._run(daemon.port, "drain", count))

    def _daemon(self) -> AbstractContextManager[daemons.Daemon]:
        start = {"beanstalkd": daemons.beanstalkd, "redis": daemons.redis}[self._name]
        return start(self._bench.disk / self._name)

    def _run(self, port: int, action: str, count: int) -> Run:
        return self._bench.watch.run([_CLIENT, self._name, str(port), action, str(count)])


class CommandQueuePeer:
    """nq or task-spooler: a job is the command `true`, run by the queue itself, one after another."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench = bench
        self._name = name
        self._directory = bench.disk / name
        self._env = {
            "NQDIR": str(self._directory),
            "TS_SOCKET": str(self._directory / "socket"),
            "TS_MAXFINISHED": "10",
            "TMPDIR": str(self._directory),
        }

    def submit(self, count: int) -> Run:
        with self._ready():
            run = self._submit(count)
            self._call("-w")
            return run

    def drain(self, count: int) -> Run:
        """The first job waits until all are queued and the clock runs."""
        with self._ready():
            fifo = self._directory.with_name("released")
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo)
            self._call(*self._flags(), "sh", "-c", f"read line <{fifo}")
            self._submit(count)
            wait = f"echo >{fifo}; exec {self._name} -w"
            run = self._bench.watch.run(["sh", "-c", wait], env=self._env)
            run.amount = count
            return run

    @contextmanager
    def _ready(self) -> Iterator[None]:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir()
        try:
            yield
        finally:
            if self._name == "tsp":
                self._call("-K")
            shutil.rmtree(self._directory, ignore_errors=True)

    def _flags(self) -> list[str]:
        return {"nq": ["-q"], "tsp": ["-n"]}[self._name]

    def _submit(self, count: int) -> Run:
        names = numbers_file(self._bench, count)
        words = [self._bench.helper("each"), names, self._name, *self._flags(), "true"]
        run = self._bench.watch.run(words, env=self._env)
        run.amount = count
        return run

    def _call(self, *words: str) -> None:
        done = subprocess.run([self._name, *words], env={**os.environ, **self._env}, capture_output=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{self._name} {' '.join(words)}: {done.stderr.decode().strip()}")


def numbers_file(bench: Bench, count: int, text: str = "") -> Path:
    """One line a submission, for `each`."""
    path = bench.disk / "numbers"
    path.write_text("".join(f"{text or number}\n" for number in range(count)))
    return path
