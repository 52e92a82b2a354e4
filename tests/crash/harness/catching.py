"""Tests that notice a broken promise: which one each, how it is run, and whether it was the promise that it noticed."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from settings import PROJECT, HarnessError
from shim import BREAK_VARIABLE

# Longer than any of these tests takes on a busy machine: who takes that long says nothing.
_TIMEOUT_S = 300
# What a test says that failed for another reason.
_OTHER_TROUBLE = re.compile(
    rf"{BREAK_VARIABLE}|command not found|No such file or directory: '|Traceback|had not ended after|exit status (64|70)\b"
)


@dataclass(frozen=True)
class Noticed:
    """BY_TEST: the test failed, for FINDING."""

    by_test: bool
    finding: str = ""


@dataclass(frozen=True)
class Catcher:
    """A test that fails where a promise is broken, and only then."""

    def title(self) -> str:
        raise NotImplementedError

    def command(self, programs: Path) -> list[str | Path]:
        raise NotImplementedError

    def has_run(self, output: str) -> bool:
        """Did just what was asked for run?"""
        raise NotImplementedError

    def finding(self, output: str) -> str:
        """What the test says of the invariant that does not hold; empty: nothing."""
        raise NotImplementedError


@dataclass(frozen=True)
class Points(Catcher):
    """A scenario of tests/crash/run under one fault."""

    scenario: str
    fault: str

    def title(self) -> str:
        return f"`run`: {self.scenario}: {self.fault}"

    def command(self, programs: Path) -> list[str | Path]:
        only, fault = (f"^{re.escape(name)}$" for name in (self.scenario, self.fault))
        return [PROJECT / "tests/crash/run", "--only", only, "--fault", fault, "--until-broken"]

    def has_run(self, output: str) -> bool:
        return bool(re.search(rf"^{re.escape(self.scenario)}: .*: [1-9]\d* points", output, re.MULTILINE))

    def finding(self, output: str) -> str:
        found = re.search(rf"^{re.escape(self.scenario)}, (.*(?:found|not among).*)$", output, re.MULTILINE)
        return found[1] if found else ""


@dataclass(frozen=True)
class Unit(Catcher):
    """A case of the unit tests."""

    case: str

    def title(self) -> str:
        return f"unit: {self.case}"

    def command(self, programs: Path) -> list[str | Path]:
        return [programs / "nodespool_unit", "--test-case=" + self.case.replace(",", r"\,")]

    def has_run(self, output: str) -> bool:
        return bool(re.search(r"test cases: +1 \|", output))

    def finding(self, output: str) -> str:
        found = re.search(r"ERROR: (.*) is NOT correct!\n +values: (.*)", output)
        return f"{found[1]}: {found[2]}" if found else ""


@dataclass(frozen=True)
class EndToEnd(Catcher):
    """A test of tests/e2e, with servers of its own where it needs them."""

    suite: str
    test: str

    def title(self) -> str:
        return f"e2e/{self.suite}: {self.test}"

    def command(self, programs: Path) -> list[str | Path]:
        return ["bats", "--filter", f"^{re.escape(self.test)}$", PROJECT / f"tests/e2e/{self.suite}.bats"]

    def has_run(self, output: str) -> bool:
        return "1..1\n" in output and "# skip" not in output

    def finding(self, output: str) -> str:
        found = re.search(r"^# +`(.*)' failed.*\n(?:# (?!the data of the test is kept)(.*)\n)?", output, re.MULTILINE)
        return found[2] or found[1] if found else ""


def try_it(catcher: Catcher, programs: Path, scratch: Path, broken: str | None) -> Noticed:
    """@raises HarnessError where the test says nothing about promises."""
    environment = {key: value for key, value in os.environ.items() if key != BREAK_VARIABLE}
    environment |= {"NODESPOOL_BIN_DIR": str(programs), "TMPDIR": str(scratch)}
    if broken:
        environment[BREAK_VARIABLE] = broken
    what = f"{catcher.title()}{f', {broken}' if broken else ''}"
    try:
        done = subprocess.run(
            catcher.command(programs), env=environment, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False,
        )
    except subprocess.TimeoutExpired:
        raise HarnessError(f"{what}: it had not ended after {_TIMEOUT_S} s") from None
    output = done.stdout + done.stderr
    if not catcher.has_run(output):
        raise HarnessError(f"{what}: it did not run:\n{output}")
    if done.returncode == 0:
        return Noticed(False)
    finding = catcher.finding(output)
    if done.returncode != 1 or not finding or _OTHER_TROUBLE.search(output):
        raise HarnessError(f"{what}: it failed for another reason, with status {done.returncode}:\n{output}")
    return Noticed(True, finding)
