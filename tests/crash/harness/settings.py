"""What the harness was asked for, and the names that it shares."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent.parent


class HarnessError(Exception):
    """The harness itself cannot go on: a missing program, a scenario whose preparation fails."""


class Broken(Exception):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Settings:
    programs: Path  # nodespool's, from a build that links the C library dynamically
    shim: Path
    scratch: Path  # worlds are made and removed here
    jobs: int  # worlds at once
    exhaustive: bool
    until_broken: bool  # a scenario's fault ends with the first point that does not hold


def from_environment(exhaustive: bool, until_broken: bool, jobs: int, scratch: Path) -> Settings:
    programs = programs_of_build()
    shim = Path(os.environ.get("NODESPOOL_CRASH_SHIM") or PROJECT / "build/dev/tests/libnodespool_crash_shim.so")
    if not shim.exists():
        raise HarnessError(f"{shim} is missing: build the tests first")
    _check_cover(programs, shim)
    return Settings(
        programs=programs,
        shim=shim.resolve(),
        scratch=scratch,
        jobs=jobs,
        exhaustive=exhaustive,
        until_broken=until_broken,
    )


def programs_of_build() -> Path:
    programs = Path(os.environ.get("NODESPOOL_BIN_DIR") or PROJECT / "build/dev/bin").resolve()
    if not (programs / "store").exists():
        raise HarnessError(f"{programs}/store is missing: build the tests first")
    return programs


# Functions of the C library that change a disk or a node. What a program uses of these the shim must interpose.
_CHANGING = frozenset(
    "open open64 openat openat64 creat creat64 fopen fopen64 freopen mkstemp mkostemp tmpfile write pwrite pwrite64 writev "
    "pwritev pwritev2 send sendto sendmsg sendfile sendfile64 splice copy_file_range fallocate posix_fallocate fwrite "
    "fflush rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat remove rmdir mkdir mkdirat mknod "
    "mknodat mkfifo truncate truncate64 ftruncate ftruncate64 fsync fdatasync sync syncfs msync".split()
)


def _check_cover(programs: Path, shim: Path) -> None:
    covered = _symbols(shim, "--defined-only")
    for program in programs.iterdir():
        if not program.is_file() or not os.access(program, os.X_OK) or program.name.startswith("nodespool_"):
            continue  # the latter are tests
        for name in sorted((_symbols(program, "--undefined-only") & _CHANGING) - covered):
            raise HarnessError(f"{program.name} calls {name}(), which tests/crash/shim does not interpose")


def _symbols(binary: Path, which: str) -> set[str]:
    listed = subprocess.run(["nm", "-D", which, binary], capture_output=True, text=True, check=True)
    return {line.split()[-1].split("@")[0] for line in listed.stdout.splitlines()}
