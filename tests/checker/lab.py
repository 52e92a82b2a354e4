"""What the parts of a load share: the programs, the ledger, a seed, and when to stop."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster
from ledger import Ledger


class LoadError(Exception):
    """A program did not do what it must, whatever goes on beside it."""


def until(seconds: float, condition: Callable[[], bool]) -> bool:
    """@return false: it did not come true in that time"""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Lab:
    programs: Path
    cluster: Cluster
    ledger: Ledger
    logs: Path
    seed: int
    stop: threading.Event = field(default_factory=threading.Event)  # the processors
    quiet: threading.Event = field(default_factory=threading.Event)  # whoever disturbs them
    troubles: list[str] = field(default_factory=list)

    def random_for(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")

    def command(self, program: str, *arguments: str) -> list[str]:
        """A subcommand stands before -C."""
        at = 1 if program == "queue" else 0
        words = [*arguments[:at], "-C", str(self.cluster.root), *arguments[at:]]
        return [str(self.programs / program), *words]

    def run(self, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(program, *arguments), input=stdin, capture_output=True, text=True, check=False, timeout=60
        )
        with (self.logs / "commands").open("a") as out:
            out.write(f"$ {program} {' '.join(arguments)} # {done.returncode}\n{done.stdout}{done.stderr}")
        return done


class Part(threading.Thread):
    """A thread of the load; what goes wrong in it is told in the end."""

    def __init__(self, lab: Lab, name: str) -> None:
        super().__init__(name=name)
        self.lab = lab
        self.random = lab.random_for(name)

    def work(self) -> None:
        raise NotImplementedError

    def run(self) -> None:
        try:
            self.work()
        except Exception as error:  # noqa: BLE001  # whatever it is, the load has failed
            self.lab.troubles.append(f"{self.name}: {type(error).__name__}: {error}")
