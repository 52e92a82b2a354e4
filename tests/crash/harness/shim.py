"""Running a program of nodespool, with the shim in it or without."""

from __future__ import annotations

import enum
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from settings import HarnessError, Settings


class Kind(enum.IntFlag):
    """Kinds of calls, as tests/crash/shim/plan.hpp numbers them."""

    CREATE = 1
    OPEN = 2
    WRITE = 4
    TRUNCATE = 8
    RENAME = 16
    LINK = 32
    UNLINK = 64
    DIRECTORY = 128
    SYNC = 256
    SEND = 512
    READ = 1024


ALL_CALLS = Kind(2047)
CHANGES = ALL_CALLS & ~Kind.OPEN & ~Kind.READ
# Has the name of a promise that programs of a test build break on purpose (lib/base/deliberate_break.hpp).
BREAK_VARIABLE = "NODESPOOL_TEST_BREAK"
# Longer than any time-out that a scenario's programs have: who takes that long hangs.
TIMEOUT_S = 60


@dataclass(frozen=True)
class Plan:
    """One fault: what happens at the AT-th of the calls that count."""

    at: int = 0
    do: str = "kill"  # or "short", or an error number
    kinds: Kind = CHANGES
    holds: bool = False  # every such call from there on
    loses: bool = False  # a failed fsync loses what was written, as Linux does


@dataclass(frozen=True)
class Ended:
    status: int  # as subprocess has it: negative for a signal
    stdout: str
    stderr: str
    calls: int = 0  # that the plan counted


def run(
    settings: Settings,
    program: str,
    arguments: list[str],
    *,
    stdin: str = "",
    stdout: Path | None = None,
    plan: Plan | None = None,
    scratch: Path | None = None,
    record: Path | None = None,
) -> Ended:
    """Runs it. STDOUT: a file to append to. SCRATCH: where the counter of a plan lies."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("NODESPOOL_") or key == BREAK_VARIABLE
    }
    environment["LC_ALL"] = "C.UTF-8"
    counter = None
    if plan or record:
        environment |= {"LD_PRELOAD": str(settings.shim), "NODESPOOL_SHIM_PROGRAM": program}
    if plan:
        if scratch is None:
            raise HarnessError("a plan needs a scratch directory")
        counter = scratch / "calls"
        counter.unlink(missing_ok=True)
        environment |= {
            "NODESPOOL_SHIM_AT": str(plan.at),
            "NODESPOOL_SHIM_DO": plan.do,
            "NODESPOOL_SHIM_KINDS": str(int(plan.kinds)),
            "NODESPOOL_SHIM_HOLDS": "on" if plan.holds else "once",
            "NODESPOOL_SHIM_LOSES": "yes" if plan.loses else "no",
            "NODESPOOL_SHIM_COUNT": str(counter),
        }
    if record:
        environment["NODESPOOL_SHIM_RECORD"] = str(record)
    out = open(stdout, "ab") if stdout else subprocess.PIPE
    try:
        done = subprocess.run(
            [settings.programs / program, *arguments],
            input=stdin.encode(),
            stdout=out,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=TIMEOUT_S,
            check=False,
        )
        status, output, errors = done.returncode, done.stdout or b"", done.stderr
    except subprocess.TimeoutExpired:
        status, output, errors = 124, b"", f"it had not ended after {TIMEOUT_S} s".encode()
    finally:
        if stdout:
            out.close()
    calls = struct.unpack("=Q", counter.read_bytes())[0] if counter and counter.exists() else 0
    if status == 99:
        raise HarnessError(errors.decode(errors="replace"))
    return Ended(status, output.decode(errors="replace"), errors.decode(errors="replace"), calls)
