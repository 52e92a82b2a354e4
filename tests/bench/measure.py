"""One run of one program: how long, how much CPU and memory, on both sides of the wire."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_LIMIT_S = 1200  # for one run; what takes longer hangs


class BenchError(Exception):
    """A tool failed, or what it did is wrong."""


class Dash(Exception):
    """This tool cannot do this case; the text says why."""


@dataclass
class Run:
    seconds: float
    cpu_s: float  # user + system, of the tool and its children
    rss_kib: int  # peak, of the largest process
    server_cpu_s: float | None = None
    amount: float | None = None  # of work, where it was not the group's
    extra: dict[str, Any] = field(default_factory=dict)


class HasCpu(Protocol):
    def cpu_seconds(self) -> float: ...


@dataclass(frozen=True)
class StopWatch:
    """Runs commands under the program `timed`."""

    timed: Path
    scratch: Path

    def run(
        self,
        command: Sequence[str | Path],
        servers: Sequence[HasCpu] = (),
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        accepted: Sequence[int] = (0,),
        prepare: Callable[[], None] | None = None,
    ) -> Run:
        """PREPARE runs last of all: what it writes is still on its way to disk when the clock starts."""
        result = self.scratch / "timed.result"
        log = self.scratch / "timed.output"
        result.unlink(missing_ok=True)
        os.sync()  # what others wrote must not be written back in this run's time
        if prepare:
            prepare()
        before = sum(server.cpu_seconds() for server in servers)
        with open(stdin or os.devnull, "rb") as source, open(log, "wb") as errors:
            with open(stdout or os.devnull, "wb") as sink:
                subprocess.run(
                    [self.timed, result, str(_LIMIT_S), *command],
                    stdin=source,
                    stdout=sink if stdout else errors,
                    stderr=errors,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                    check=False,
                )
        status, seconds, cpu, rss = self._read(result, log, command)
        if status == 128 + signal.SIGKILL and seconds >= _LIMIT_S:
            raise BenchError(f"{Path(command[0]).name}: not done after {_LIMIT_S} s")
        if status not in accepted:
            raise BenchError(f"{Path(command[0]).name}: exit status {status}: {_tail(log)}")
        run = Run(seconds, cpu, rss)
        if servers:
            run.server_cpu_s = max(0.0, sum(server.cpu_seconds() for server in servers) - before)
        return run

    @staticmethod
    def _read(result: Path, log: Path, command: Sequence[str | Path]) -> tuple[int, float, float, int]:
        try:
            status, seconds, cpu, rss = result.read_text().split()
        except (OSError, ValueError):
            raise BenchError(f"{command[0]} was not measured: {_tail(log)}") from None
        return int(status), float(seconds), float(cpu), int(rss)


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-300:] or "it said nothing"
