"""Dying, and failing, at every call: one fresh world a point, then going on, then the invariants."""

from __future__ import annotations

import errno
import itertools
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from scenarios import Scenario
from settings import Broken, Settings
from shim import CHANGES, Ended, Kind, Plan
from world import World

_ON_DISK = Kind.CREATE | Kind.WRITE | Kind.TRUNCATE | Kind.RENAME | Kind.LINK | Kind.DIRECTORY | Kind.SYNC


@dataclass(frozen=True)
class Fault:
    """A kind of fault, tried at each call that it can hit."""

    name: str
    plan: Plan
    must_succeed: bool = False  # it is none that a program may even notice
    in_short_pass: bool = False

    def only_at(self, kinds: Kind) -> Fault:
        return replace(self, plan=replace(self.plan, kinds=self.plan.kinds & kinds))

    def at(self, call: int) -> Plan:
        return replace(self.plan, at=call)


def _error(
    name: str,
    kinds: Kind,
    where: str = "",
    *,
    holds: bool = False,
    loses: bool = False,
    harmless: bool = False,
    short: bool = False,
) -> Fault:
    title = name + where + (" from there on" if holds else "") + (", data lost" if loses else "")
    return Fault(title, Plan(0, str(getattr(errno, name)), kinds, holds, loses), harmless, in_short_pass=short)


_FAULTS = [
    Fault("SIGKILL", Plan(0, "kill", CHANGES), in_short_pass=True),
    _error("EIO", CHANGES & ~Kind.SEND, short=True),
    _error("EIO", Kind.SYNC, loses=True, short=True),
    _error("ENOSPC", _ON_DISK, holds=True, short=True),
    _error("EPIPE", Kind.SEND, short=True),
    _error("EIO", Kind.READ, " at reads"),
    _error("EIO", Kind.READ, " at reads", holds=True),
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
                    reached_end = reached_end or settings.until_broken
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
                _check_end(ended, fault, scenario)
            _check_accepted(world, scenario, ended)
            scenario.recover(world)
            scenario.check(world)
        except Broken as broken:
            return _Point(hit, f"{scenario.name}, {fault.name} at call {call}: {broken}\n" + "\n".join(world.log))
        return _Point(hit)


def _check_end(ended: Ended, fault: Fault, scenario: Scenario) -> None:
    if ended.status == 124:
        raise Broken(ended.stderr)
    if ended.status not in _STATUSES:
        raise Broken(f"exit status {ended.status}")
    if fault.must_succeed and ended.status not in scenario.statuses:
        raise Broken(f"exit status {ended.status} after a fault that harms nothing")
    if ended.status not in (0, 65) and not ended.stderr.strip():
        raise Broken(f"exit status {ended.status} without a word")


def _check_accepted(world: World, scenario: Scenario, ended: Ended) -> None:
    if is_accepted(ended) and scenario.accepts:
        scenario.accepts(world)


def is_accepted(ended: Ended) -> bool:
    """Did the program say that what it was given is done, but for what nobody could do?"""
    return ended.status in (0, 65)


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
        self._world.copy_from(self._template)
        return self._world

    def __exit__(self, *_: object) -> None:
        self._world.remove()


def make_template(settings: Settings, scenario: Scenario) -> World:
    safe = "".join(letter if letter.isalnum() else "-" for letter in scenario.name)
    world = scenario.world(settings, settings.scratch / f"{safe}-template")
    world.create()
    scenario.prepare(world)
    return world


def try_undisturbed(settings: Settings, scenario: Scenario, template: World) -> Result:
    """Where this is broken, faults say nothing."""
    result = Result(scenario.name, "undisturbed", 1)
    with fresh_world(settings, scenario, template, "undisturbed") as world:
        ended = run_scenario(world, scenario, None)
        try:
            _check_accepted(world, scenario, ended)
            scenario.recover(world)
            scenario.check(world)
            if ended.status not in scenario.statuses:
                raise Broken(f"exit status {ended.status}: {ended.stderr}")
        except Broken as broken:
            result.broken.append(f"{scenario.name}, undisturbed: {broken}\n" + "\n".join(world.log))
    return result


def faults(exhaustive: bool, scenario: Scenario) -> list[Fault]:
    if exhaustive:
        return _FAULTS
    short = (fault.only_at(scenario.short_pass) for fault in _FAULTS if fault.in_short_pass)
    return [fault for fault in short if fault.plan.kinds]
