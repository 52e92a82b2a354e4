"""What a run of the benchmark was asked for: environment variables, all with defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ALL_CASES = "ABCDEFG"
HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


class SettingsError(Exception):
    """A variable has a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    cases: str  # letters, in the order to run
    scale: float  # 1: the sizes of the targets
    rounds: int
    tools: frozenset[str]  # empty: all
    connections: tuple[int, ...]
    programs: Path  # nodespool's
    helpers: Path  # the benchmark's own (CMakeLists.txt)
    cluster_parent: Path  # queue, links and the files to store: durability must be real here
    node_parent: Path  # the servers' roots
    output: Path

    def wants(self, tool: str) -> bool:
        """Is this tool, named in full ("nodespool sha256") or by its first word, to run?"""
        return not self.tools or tool in self.tools or tool.split()[0] in self.tools

    def scaled(self, amount: int, least: int = 1) -> int:
        return max(least, round(amount * self.scale))


def _number(name: str, default: str, least: float) -> float:
    text = os.environ.get(name) or default
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"{name}: found {text!r}, expected a number") from None
    if not value >= least:
        raise SettingsError(f"{name}: found {text!r}, expected at least {least:g}")
    return value


def _cases() -> str:
    text = os.environ.get("BENCH_CASES") or ALL_CASES
    letters = "".join(text.replace(",", " ").split()).upper()
    for letter in letters:
        if letter not in ALL_CASES:
            raise SettingsError(f"BENCH_CASES: found {letter!r}, expected letters of {ALL_CASES}")
    return letters


def _connections() -> tuple[int, ...]:
    text = os.environ.get("BENCH_CONNECTIONS") or "1 4 8"
    try:
        counts = tuple(int(word) for word in text.split())
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise SettingsError(f"BENCH_CONNECTIONS: found {text!r}, expected numbers from 1")
    return counts


def _tools() -> frozenset[str]:
    """Tools are separated by commas; by blanks too, where none of them has a comma."""
    text = os.environ.get("BENCH_TOOLS") or ""
    words = text.split(",") if "," in text else text.split()
    return frozenset(word.strip() for word in words if word.strip())


def _directory(name: str, default: Path) -> Path:
    path = Path(os.environ.get(name) or default)
    if not path.is_dir():
        raise SettingsError(f"{name}: {path} is no directory")
    return path.resolve()


def from_environment() -> Settings:
    shm = Path("/dev/shm")
    temporary = Path(os.environ.get("TMPDIR") or "/tmp")
    build = PROJECT / "build/release"
    output = Path(os.environ.get("BENCH_OUTPUT") or PROJECT / "build/bench")
    output.mkdir(parents=True, exist_ok=True)
    return Settings(
        cases=_cases(),
        scale=_number("BENCH_SCALE", "0.2", 0.0001),
        rounds=int(_number("BENCH_ROUNDS", "3", 1)),
        tools=_tools(),
        connections=_connections(),
        programs=_directory("NODESPOOL_BIN_DIR", build / "bin"),
        helpers=_directory("BENCH_HELPERS", build / "bench"),
        cluster_parent=_directory("BENCH_CLUSTER_DIR", temporary),
        node_parent=_directory("BENCH_NODE_DIR", shm if shm.is_dir() else temporary),
        output=output,
    )
