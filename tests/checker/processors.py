"""Eight processors of mixed kinds on one spool, and whoever kills them."""

from __future__ import annotations

import itertools
import signal
import subprocess

from lab import Lab, Part

# Which stay, and which are started again and again.
_KINDS = (
    ("store", ("--follow",)),
    ("store", ()),
    ("store", ("-j", "2")),
    ("replicate", ("--follow",)),
    ("replicate", ()),
    ("replicate", ("--max-jobs", "7")),
    ("remove", ("--follow",)),
    ("remove", ()),
)
_MOST_BETWEEN_RUNS_S = 0.3
_MOST_BETWEEN_KILLS_S = 0.6


class Slot(Part):
    """One processor, started again whenever it has ended."""

    def __init__(self, lab: Lab, number: int) -> None:
        self.program, self.arguments = _KINDS[number]
        super().__init__(lab, f"{self.program}{number}")
        self.running: subprocess.Popen[bytes] | None = None

    def work(self) -> None:
        for run in itertools.count():
            log = f"{self.name}.{run}.log"
            with (self.lab.logs / log).open("wb") as out:
                self.lab.ledger.add("started", log=log)
                command = self.lab.command(self.program, *self.arguments)
                self.running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out)
                if self.lab.stop.is_set():  # too late to be told
                    self.end(signal.SIGTERM)
                status = self.running.wait()
            self.lab.ledger.add("ended", log=log, status=status)
            if self.lab.stop.wait(self.random.uniform(0, _MOST_BETWEEN_RUNS_S)):
                return

    def end(self, how: signal.Signals) -> bool:
        """@return false: it was not running"""
        running = self.running
        if running is None or running.poll() is not None:
            return False
        running.send_signal(how)
        return True


class Processors:
    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.slots = [Slot(lab, number) for number in range(len(_KINDS))]

    def start(self) -> None:
        for slot in self.slots:
            slot.start()

    def stop(self) -> None:
        """Each ends what it has begun."""
        self._lab.stop.set()
        for slot in self.slots:
            slot.end(signal.SIGTERM)
        for slot in self.slots:
            slot.join()


class Killer(Part):
    """kill -9 of one of them after the other, at random moments, until it is told to stop and has killed enough."""

    def __init__(self, lab: Lab, processors: Processors, least: int) -> None:
        super().__init__(lab, "killer")
        self._slots = processors.slots
        self._least = least
        self.kills = 0

    def work(self) -> None:
        while self.kills < self._least or not self.lab.quiet.is_set():
            self.lab.quiet.wait(self.random.uniform(0.02, _MOST_BETWEEN_KILLS_S))
            if self.random.choice(self._slots).end(signal.SIGKILL):
                self.kills += 1
