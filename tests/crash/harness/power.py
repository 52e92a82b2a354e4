"""Power cuts: every state that the disk may be in after each step of a recorded run, gone on from, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from disk import Recording, State, Sync
from points import Result, fresh_world, is_accepted, run_scenario
from scenarios import Scenario
from settings import Broken, HarnessError, Settings
from world import World


NAME = "power cut"


@dataclass(frozen=True)
class Cut:
    """After STEP steps. ACKNOWLEDGED: the program had ended, and said that all is well."""

    step: int
    how: str
    state: State
    acknowledged: bool


def try_every_cut(settings: Settings, scenario: Scenario, template: World) -> Result:
    result = Result(scenario.name, NAME)
    with fresh_world(settings, scenario, template, "recorded") as world:
        recording, acknowledged = _record(world, scenario)
    cuts = list(_different_cuts(recording, acknowledged, settings.exhaustive))
    with ThreadPoolExecutor(settings.jobs) as pool:
        tries = [pool.submit(_try, settings, scenario, number, cut) for number, cut in enumerate(cuts)]
        for outcome in (future.result() for future in tries):
            result.points += 1
            result.repaired += 1 if outcome.repaired else 0
            if outcome.broken:
                result.broken.append(outcome.broken)
                if settings.until_broken:
                    pool.shutdown(cancel_futures=True)
                    break
    return result


def _record(world: World, scenario: Scenario) -> tuple[Recording, bool]:
    if scenario.to:
        (world.path / scenario.to).touch()
    recording = Recording(world.path)
    if scenario.unsynced:
        recording.forget(*recording.find(f"files/{scenario.unsynced}"))
    log = world.path.with_name(world.path.name + ".record")
    log.unlink(missing_ok=True)
    ended = run_scenario(world, scenario, None, record=log)
    recording.read(log)
    log.unlink(missing_ok=True)
    if not any(isinstance(step, Sync) for step in recording.steps):
        raise HarnessError(f"{scenario.name}: nothing was recorded")
    return recording, is_accepted(ended)


def _different_cuts(recording: Recording, acknowledged: bool, exhaustive: bool) -> Iterator[Cut]:
    """Two cuts that leave the same tree count as one."""
    seen: set[tuple[bytes, bool]] = set()
    last = len(recording.steps)
    for end in range(last + 1):
        # Between two syncs more and more is uncertain: the states of the last step before one contain the others', but
        # for those with all that was done so far.
        before_sync = end == last or isinstance(recording.steps[end], Sync)
        for how, lost, zeroed in _losses(recording, end, exhaustive or before_sync, exhaustive):
            state = recording.state(end, lost, zeroed)
            is_acknowledged = acknowledged and end == last
            key = (state.digest(), is_acknowledged)
            if key not in seen:
                seen.add(key)
                yield Cut(end, how, state, is_acknowledged)


def _losses(
    recording: Recording, end: int, thorough: bool, exhaustive: bool
) -> Iterator[tuple[str, frozenset[int], bool]]:
    uncertain = recording.uncertain(end)
    all_of_it = frozenset(uncertain)
    data = frozenset(number for number in uncertain if recording.steps[number].is_data)  # type: ignore[union-attr]
    yield "everything is there", frozenset(), False
    yield "nothing uncertain is there", all_of_it, False
    if not thorough:
        return
    yield "names without data", data, False
    yield "names and lengths without data", data, True
    yield "data without names", all_of_it - data, False
    for number in uncertain:
        yield f"all but step {number}", frozenset({number}), False
        if exhaustive:
            yield f"only step {number} of the uncertain ones", all_of_it - {number}, False
    if exhaustive:
        for at in range(1, len(uncertain)):
            yield f"all before step {uncertain[at]}", frozenset(uncertain[at:]), False


@dataclass(frozen=True)
class _Outcome:
    repaired: bool = False
    broken: str = ""


def _try(settings: Settings, scenario: Scenario, number: int, cut: Cut) -> _Outcome:
    safe = "".join(letter if letter.isalnum() else "-" for letter in scenario.name)
    world = scenario.world(settings, settings.scratch / f"{safe}-cut-{number}")
    cut.state.write(world.path)
    world.configure()  # it names the world's place
    try:
        return _go_on(world, scenario, cut)
    except Broken as broken:
        log = "\n".join(world.log)
        return _Outcome(broken=f"{scenario.name}, power cut after step {cut.step}, {cut.how}: {broken}\n{log}")
    finally:
        world.remove()


def _go_on(world: World, scenario: Scenario, cut: Cut) -> _Outcome:
    if cut.acknowledged and scenario.accepts:
        scenario.accepts(world)
    if scenario.intact and not cut.acknowledged and not scenario.intact(world):
        return _Outcome()  # lost before anybody promised anything
    scenario.recover(world)
    try:
        scenario.check(world)
    except Broken:
        # Copies under way whose names were not on disk yet: what `check | repair` is for.
        world.run("repair", "--delete-orphans", stdin=world.run("check").stdout)
        world.settle(scenario.program if scenario.program in ("store", "replicate") else "remove", "remove")
        scenario.check(world)
        return _Outcome(repaired=True)
    return _Outcome()
