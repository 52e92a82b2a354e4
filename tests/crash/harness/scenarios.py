"""What each program is given to do, how one goes on after it was cut off, and what must hold then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import servers
from settings import Broken, Settings
from shim import ALL_CALLS, Kind
from world import World, content_of, expect

_TAKEN = "taken"  # what `queue take` printed


@dataclass(frozen=True)
class Scenario:
    """ARGUMENTS are the program's. PREPARE fills a world; RECOVER goes on as cron and a person would; CHECK raises
    Broken. STDIN is read from this file of the prepared world; standard output goes to the file TO."""

    name: str
    program: str
    arguments: tuple[str, ...]
    prepare: Callable[[World], None]
    recover: Callable[[World], None]
    check: Callable[[World], None]
    over: str = servers.DIRECTORY  # the kind of node
    short_pass: Kind = ALL_CALLS  # where faults are tried by `make test`
    nodes: int = 2
    stdin: str = ""
    to: str = ""
    cluster_lines: str = ""
    statuses: tuple[int, ...] = (0, 65)  # it ends with one of these where nothing disturbs it
    accepts: Callable[[World], None] | None = None  # must hold at once where the program ended with 0
    intact: Callable[[World], bool] | None = None  # is what is to be taken in still there?
    unsynced: str = ""  # this entry of the file space, with all below it, was just made by a server that syncs nothing

    def world(self, settings: Settings, path: Path) -> World:
        return World(settings, path, self.over, ("n1", "n2", "n3")[: self.nodes], self.cluster_lines)


# --- upload-hook -------------------------------------------------------------------------------------------------------------

_HOOKED = "in/upload"
_QUIET_S = 1.1  # more than the configuration says


def _hook_prepare(world: World) -> None:
    world.put("earlier")
    world.upload(_HOOKED, content_of(_HOOKED))


def _hook_recover(world: World) -> None:
    # The server does not call again: what it told of and nobody heard is found by the scan.
    if not any(_HOOKED in job for job in world.jobs()):
        time.sleep(_QUIET_S)
        if world.run("upload-hook", "--scan").status == 74:  # its bytes may be lost: whoever sent it sends it again
            world.upload(_HOOKED, content_of(_HOOKED))
            world.run("upload-hook", str(world.files / _HOOKED))
    world.settle("store")


def _hook_check(world: World) -> None:
    world.check_stored({name: content_of(name) for name in ("earlier", _HOOKED)})
    world.check_nothing_else()


def _hook_intact(world: World) -> bool:
    path = world.files / _HOOKED
    return path.is_file() and path.read_text() == content_of(_HOOKED)


def _hook_accepts(world: World) -> None:
    expect(len([job for job in world.jobs() if _HOOKED in job]), 1, "jobs for an upload that was accepted")


# --- store -------------------------------------------------------------------------------------------------------------------

_STORED = {
    "report": "the second version, longer",
    "twice": "the same file in two jobs",
    "a/b/deep": "d" * 200_000,
    "empty": "",
}


def _store_prepare(world: World) -> None:
    """A stored file with a new version, a duplicated job, a stale one, a bad line, a foreign one, a directory."""
    world.put("report")
    for name, content in _STORED.items():
        world.upload(name, content)
    world.queue("2.q", world.upload_line("report"), world.upload_line("twice"))
    world.queue("3.q", "# a comment", world.upload_line("twice"), "upload twice 0 1 1", "upload nonsense")
    world.queue("4.q", world.upload_line("a/b/deep"), world.upload_line("empty"), "replicate report 1 1")


def _store_recover(world: World) -> None:
    world.settle("store")
    world.settle("store", "remove")


def _store_check(world: World) -> None:
    world.check_stored(_STORED)
    world.check_nothing_else(["replicate report 1 1"])
    rejected = "".join(path.read_text() for path in (world.root / ".queue/rejected").rglob("*") if path.is_file())
    if "upload nonsense" not in rejected:
        raise Broken("the bad line is not among the rejected ones")


def _away_prepare(world: World) -> None:
    """A new version of a stored file, and an upload for a node that is away."""
    world.upload("report", "the first version")
    world.queue("1.q", world.upload_line("report") + " n1")
    world.must("store")
    world.node("n3").rmdir()
    for name in ("report", "waits"):
        world.upload(name, content_of(name))
    world.queue("2.q", world.upload_line("waits") + " n3", world.upload_line("report"))


def _away_recover(world: World) -> None:
    world.node("n3").mkdir(exist_ok=True)
    _store_recover(world)


def _away_check(world: World) -> None:
    world.check_stored({name: content_of(name) for name in ("report", "waits")})
    world.check_nothing_else()


# --- replicate, remove ----------------------------------------------------------------------------------------------------------


def _replicate_prepare(world: World) -> None:
    world.put("one", "two", "three")
    # A job without copies= is known again by its job=; of its own it would have one from the queue file's inode.
    world.queue("1.q", world.replicate_line("one", "job=one"), world.replicate_line("two", "copies=2"))
    world.queue("2.q", world.replicate_line("three", "copies=2"), world.replicate_line("three", "copies=2"))


def _replicate_recover(world: World) -> None:
    world.settle("replicate")
    world.settle("replicate", "remove")


def _replicate_check(world: World) -> None:
    world.check_stored({name: content_of(name) for name in ("one", "two", "three")}, copies=2)
    world.check_nothing_else()


def _remove_prepare(world: World) -> None:
    """What was deleted, what was deleted and is also asked for by a job, what was replaced."""
    world.put("keep", "deleted", "old", "new")
    link = world.link("old")
    assert link is not None
    world.must("delete", "deleted", "old")
    for node, name in link.copies:
        world.queue("1.q", f"remove {node} {name} {link.size} path=old")
    world.put("new")  # a version that replaces one


def _remove_recover(world: World) -> None:
    world.settle("remove")


def _remove_check(world: World) -> None:
    world.check_stored({name: content_of(name) for name in ("keep", "new")})
    world.check_nothing_else()
    expect([path.name for path in (world.root / ".deleted").iterdir()], [], "deletions that wait")


# --- the queue -----------------------------------------------------------------------------------------------------------------

_WAITING = ("w1", "w2", "w3")


def _waiting_prepare(world: World) -> None:
    world.put("earlier")
    for name in _WAITING:
        world.upload(name, content_of(name))


def _queued_prepare(world: World) -> None:
    _waiting_prepare(world)
    world.queue("1.q", world.upload_line("w1"), world.upload_line("w2"), "replicate earlier 1 1")
    world.queue("2.q", world.upload_line("w3"))


def _add_prepare(world: World) -> None:
    _waiting_prepare(world)
    lines = [world.upload_line(name) for name in _WAITING]
    (world.path / "input").write_text("\n".join([*lines, "upload nonsense"]) + "\n")


def _add_recover(world: World) -> None:
    # Whoever was not told that it is queued queues it again.
    world.run("queue", "add", stdin=(world.path / "input").read_text())
    world.settle("store")


def _add_accepts(world: World) -> None:
    queued = [words[1] for words in map(str.split, world.jobs()) if len(words) > 1]
    expect(queued, list(_WAITING), "jobs that were accepted")


def _deferred_prepare(world: World) -> None:
    _waiting_prepare(world)
    lines = [world.upload_line(name) + " not-before=4000000000.000000000 attempts=3" for name in _WAITING]
    world.queue("1.q", *lines[:2])
    world.queue("2.q", *lines[2:])


def _held_prepare(world: World) -> None:
    _queued_prepare(world)
    world.must("queue", "hold", "1.q", "2.q")


def _take_recover(world: World) -> None:
    """What was printed is queued again, but for a line that was cut off."""
    taken = world.path / _TAKEN
    text = taken.read_text() if taken.exists() else ""
    world.run("queue", "add", stdin=text[: text.rfind("\n") + 1])
    world.settle("store")


def _stop_waiting(world: World) -> None:
    for path in (world.root / ".queue").rglob("held/*.q"):
        world.run("queue", "release", path.name)
    world.settle("store")


def _all_stored(world: World) -> None:
    world.check_stored({name: content_of(name) for name in ("earlier", *_WAITING)})


def _add_check(world: World) -> None:
    _all_stored(world)
    world.check_nothing_else()


def _queued_check(world: World) -> None:
    _all_stored(world)
    world.check_nothing_else(["replicate earlier 1 1"])


# --- delete, drain, forget, repair ---------------------------------------------------------------------------------------------------


def _delete_prepare(world: World) -> None:
    world.put("stays", "single", "t/both", "t/deep/er")
    world.upload("t/both", "a newer version")
    world.queue("1.q", world.upload_line("t/both"))


def _delete_recover(world: World) -> None:
    world.run("delete", "-r", "single", "t")
    world.settle("store", "remove")


def _delete_check(world: World) -> None:
    world.check_stored({"stays": content_of("stays")})
    world.check_nothing_else()


def _copied_prepare(world: World) -> None:
    world.put("f", "d/g", "d/e/h")
    world.queue("2.q", *(world.replicate_line(name, "copies=2") for name in ("f", "d/g", "d/e/h")))
    world.must("replicate")


def _drain_prepare(world: World) -> None:
    """Two files that can lose a copy at once, as an earlier drain asked for others; one that needs another first."""
    _copied_from_n1(world, "f", "d/g")
    world.run("drain", "n1")
    world.must("replicate")
    world.must("nodes", "resume", "n1")
    _copied_from_n1(world, "d/e/h")


def _copied_from_n1(world: World, *names: str) -> None:
    for name in names:
        world.upload(name, content_of(name))
    world.queue("1.q", *(world.upload_line(name) + " n1" for name in names))
    world.must("store")
    world.queue("2.q", *(world.replicate_line(name, "copies=2") for name in names))
    world.must("replicate")


def _drain_recover(world: World) -> None:
    for _ in range(2):  # copies can be dropped once there are others
        world.run("drain", "n1")
        world.settle("replicate", "remove")


def _drain_check(world: World) -> None:
    world.check_nothing_else()
    held = world.copies_on_nodes()
    expect([copy for copy in held if copy[0] == "n1"], [], "copies on the drained node")
    for name in ("f", "d/g", "d/e/h"):
        link = world.link(name)
        if link is None or not link.copies:
            raise Broken(f"{name}: no copy is recorded")
        for copy in link.copies:
            expect(held.get(copy), content_of(name).encode(), f"{name}: bytes of the copy on {copy[0]}")


def _forget_prepare(world: World) -> None:
    _copied_prepare(world)
    world.run("nodes", "drain", "n1")


def _forget_recover(world: World) -> None:
    world.run("forget", "--replicate", "n1")
    world.settle("replicate", "remove")


def _forget_check(world: World) -> None:
    for name in ("f", "d/g", "d/e/h"):
        link = world.link(name)
        if link is None or not link.copies:
            raise Broken(f"{name}: no copy is recorded")
        expect([node for node, _ in link.copies if node == "n1"], [], f"{name}: copies on the forgotten node")
    world.check_no_temporaries()


def _repair_prepare(world: World) -> None:
    """A copy that vanished, one that was cut, an orphan."""
    _copied_prepare(world)
    for name, damage in (("f", None), ("d/g", b"cut")):
        link = world.link(name)
        assert link is not None
        copy = world.node(link.copies[0][0]) / link.copies[0][1]
        if damage is None:
            copy.unlink()
        else:
            copy.write_bytes(damage)
    orphan = world.node("n1") / "07/07/stray"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_text("stray")
    (world.path / "found").write_text(world.run("check").stdout)


def _repair_recover(world: World) -> None:
    for _ in range(2):
        world.run("repair", "--delete-orphans", stdin=world.run("check").stdout)
        world.settle("replicate", "remove")


def _repair_check(world: World) -> None:
    world.check_stored({name: content_of(name) for name in ("f", "d/g", "d/e/h")}, copies=2)
    world.check_nothing_else()
    expect(world.run("check").stdout, "", "what check finds")


ALL = [
    Scenario("upload-hook", "upload-hook", (_HOOKED,), _hook_prepare, _hook_recover, _hook_check,
             accepts=_hook_accepts, intact=_hook_intact, cluster_lines="quiet = 1\n", unsynced="in"),
    Scenario("store", "store", ("-j", "1"), _store_prepare, _store_recover, _store_check),
    Scenario("store, a node is away", "store", ("-j", "1"), _away_prepare, _away_recover, _away_check, nodes=3,
             statuses=(75,)),
    Scenario("store over FTP", "store", ("-j", "1"), _store_prepare, _store_recover, _store_check, over=servers.FTP),
    Scenario("store over SFTP", "store", ("-j", "1"), _store_prepare, _store_recover, _store_check,
             over=servers.SFTP, short_pass=Kind.SEND),
    Scenario("replicate", "replicate", ("-j", "1"), _replicate_prepare, _replicate_recover, _replicate_check),
    Scenario("replicate over FTP", "replicate", ("-j", "1"), _replicate_prepare, _replicate_recover,
             _replicate_check, over=servers.FTP),
    Scenario("replicate over SFTP", "replicate", ("-j", "1"), _replicate_prepare, _replicate_recover, _replicate_check,
             over=servers.SFTP, short_pass=Kind.SEND),
    Scenario("remove", "remove", ("-j", "1"), _remove_prepare, _remove_recover, _remove_check),
    Scenario("remove over FTP", "remove", ("-j", "1"), _remove_prepare, _remove_recover, _remove_check,
             over=servers.FTP),
    Scenario("remove over SFTP", "remove", ("-j", "1"), _remove_prepare, _remove_recover, _remove_check,
             over=servers.SFTP, short_pass=Kind.SEND),
    Scenario("queue add", "queue", ("add",), _add_prepare, _add_recover, _add_check, stdin="input",
             accepts=_add_accepts),
    Scenario("queue take", "queue", ("take", "upload"), _queued_prepare, _take_recover, _queued_check, to=_TAKEN),
    Scenario("queue filter", "queue", ("filter", "upload", "sed", "s/$/ nodes=n2/"), _queued_prepare, _stop_waiting,
             _queued_check),
    Scenario("queue hold", "queue", ("hold", "1.q", "2.q"), _queued_prepare, _stop_waiting, _queued_check),
    Scenario("queue release", "queue", ("release", "1.q", "2.q"), _held_prepare, _stop_waiting, _queued_check),
    Scenario("queue retry", "queue", ("retry",), _deferred_prepare, _stop_waiting, _add_check),
    Scenario("delete", "delete", ("-r", "single", "t"), _delete_prepare, _delete_recover, _delete_check),
    Scenario("drain", "drain", ("n1",), _drain_prepare, _drain_recover, _drain_check, nodes=3,
             statuses=(75,)),
    Scenario("forget", "forget", ("--replicate", "n1"), _forget_prepare, _forget_recover, _forget_check, nodes=3),
    Scenario("repair", "repair", ("--delete-orphans",), _repair_prepare, _repair_recover, _repair_check,
             stdin="found"),
]
