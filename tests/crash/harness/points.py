"""Dying, and failing, at every call: one fresh world a point, then going on, then the invariants."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from scenarios import Scenario
from settings import Broken, HarnessError, Settings
from shim import CHANGES, Ended, Kind, Plan
from world import World

_ON_DISK = Kind.CREATE | Kind.WRITE | Kind.TRUNCATE | Kind.RENAME | Kind.LINK | Kind.DIRECTORY | Kind.SYNC


@dataclass(frozen=True)
class Fault:
    """A kind of fault, tried at each call that it can hit."""

    name: str
    plan: Plan
    must_succeed: bool = False  # it is none that a program may even notice

    def at(self, call: int) -> Plan:
        return Plan(call, self.plan.do, self.plan.kinds, self.plan.holds, self.plan.loses)


def _error(name: str, kinds: Kind, *, holds: bool = False, loses: bool = False, harmless: bool = False) -> Fault:
    title = name + (" from there on" if holds else "") + (", data lost" if loses else "")
    return Fault(title, Plan(0, str(getattr(errno, name)), kinds, holds, loses), harmless)


DEATH = Fault("SIGKILL", Plan(0, "kill", CHANGES))
FAILURES = [
    _error("EIO", CHANGES & ~Kind.SEND),
    _error("EIO", Kind.SYNC, loses=True),
    _error("ENOSPC", _ON_DISK, holds=True),
    _error("ENOSPC", _ON_DISK),
    _error("EDQUOT", _ON_DISK),
    _error("EMFILE", Kind.CREATE | Kind.OPEN),
    _error("EMFILE", Kind.CREATE | Kind.OPEN, holds=True),
    _error("EINTR", Kind.CREATE | Kind.OPEN | Kind.WRITE | Kind.TRUNCATE | Kind.SEND, harmless=True),
    Fault("short write", Plan(0, "short", Kind.WRITE | Kind.SEND), must_succeed=True),
]
# Exit statuses that a failure may have; 64 and 70 mean that the program misjudged it.
_STATUSES = {0, 65, 73, 74, 75, 77, 78}


@dataclass
class Result:
    scenario: str
    fault: str
    points: int = 0
    repaired: int = 0  # held once `check | repair` had run
    broken: list[str] = field(default_factory=list)


def try_every_point(settings: Settings, scenario: Scenario, template: World, fault: Fault) -> Result:
    """Points from the first call on, several worlds at once, until one run ends undisturbed."""
    result = Result(scenario.name, fault.name)
    numbers = itertools.count(1)
    reached_end = False
    with ThreadPoolExecutor(settings.jobs) as pool:
        running: set[Future[_Point]] = set()
        while running or not reached_end:
            while not reached_end and len(running) < settings.jobs:
                running.add(pool.submit(_try, settings, scenario, template, fault, next(numbers)))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for point in (future.result() for future in done):
                reached_end = reached_end or not point.hit
                result.points += 1 if point.hit else 0
                if point.broken:
                    result.broken.append(point.broken)
    return result


@dataclass(frozen=True)
class _Point:
    hit: bool
    broken: str = ""


def _try(settings: Settings, scenario: Scenario, template: World, fault: Fault, call: int) -> _Point:
    with fresh_world(settings, scenario, template, f"{fault.name}-{call}") as world:
        ended = run_scenario(world, scenario, fault.at(call))
        hit = ended.calls >= call
        try:
            if hit and fault.plan.do != "kill":
                _check_end(ended, fault)
            if ended.status == 0 and scenario.accepts:
                scenario.accepts(world)
            scenario.recover(world)
            scenario.check(world)
        except Broken as broken:
            return _Point(hit, f"{scenario.name}, {fault.name} at call {call}: {broken}\n" + "\n".join(world.log))
        return _Point(hit)


def _check_end(ended: Ended, fault: Fault) -> None:
    if ended.status == 124:
        raise Broken(ended.stderr)
    if ended.status not in _STATUSES:
        raise Broken(f"exit status {ended.status}")
    if fault.must_succeed and ended.status not in (0, 65):
        raise Broken(f"exit status {ended.status} after a fault that harms nothing")
    if ended.status not in (0, 65) and not ended.stderr.strip():
        raise Broken(f"exit status {ended.status} without a word")


def run_scenario(world: World, scenario: Scenario, plan: Plan | None, record: Path | None = None) -> Ended:
    arguments = [str(world.files / word) if scenario.program == "upload-hook" else word for word in scenario.arguments]
    stdin = (world.path / scenario.stdin).read_text() if scenario.stdin else ""
    out = world.path / scenario.to if scenario.to else None
    return world.run_with(plan, scenario.program, *arguments, stdin=stdin, stdout=out, record=record)


class fresh_world:
    """A copy of the template for one point, removed afterwards."""

    def __init__(self, settings: Settings, scenario: Scenario, template: World, name: str) -> None:
        safe = "".join(letter if letter.isalnum() else "-" for letter in f"{scenario.name}-{name}")
        self._template = template
        self._world = scenario.world(settings, settings.scratch / safe)

    def __enter__(self) -> World:
        self._world.remove()
        self._world.path.mkdir()
        if self._world.over_ftp:
            self._world._on_server.mkdir()
        self._world.copy_from(self._template)
        return self._world

    def __exit__(self, *_: object) -> None:
        self._world.remove()


def make_template(settings: Settings, scenario: Scenario) -> World:
    """@raises HarnessError where the scenario does not hold even undisturbed"""
    safe = "".join(letter if letter.isalnum() else "-" for letter in scenario.name)
    world = scenario.world(settings, settings.scratch / f"{safe}-template")
    world.remove()
    world.path.mkdir(parents=True)
    world.create()
    scenario.prepare(world)
    with fresh_world(settings, scenario, world, "undisturbed") as undisturbed:
        ended = run_scenario(undisturbed, scenario, None)
        try:
            if ended.status not in (0, 65, 75):
                raise Broken(f"exit status {ended.status}: {ended.stderr}")
            scenario.recover(undisturbed)
            scenario.check(undisturbed)
        except Broken as broken:
            raise HarnessError(f"{scenario.name}, undisturbed: {broken}\n" + "\n".join(undisturbed.log)) from None
    return world


def faults(exhaustive: bool) -> Iterator[Fault]:
    yield DEATH
    for number, fault in enumerate(FAILURES):
        if exhaustive or number < 3:
            yield fault
