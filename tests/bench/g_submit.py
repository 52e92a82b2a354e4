"""G, first part: jobs into the queue, each durably, and out of it again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from context import Bench
from daemons import follower
from measure import BenchError, Run
from nodespool import Cluster
from queue_peers import CommandQueuePeer, DaemonPeer, DirqPeer, DirqProcessPeer
from rounds import Group, Part, Role

_JOBS = 10000
_SLOW_SHARE = 20  # those that start processes of 20 ms and more do a part of the jobs
_BYTES = 4096


def _part(count: int, part: Part) -> int:
    return count if part is Part.ALL else max(5, count // 20)


def _names(count: int) -> list[str]:
    return [f"file-{number:07d}.dat" for number in range(count)]


def _cluster(bench: Bench) -> Cluster:
    cluster = bench.cluster()
    cluster.files.mkdir()
    node = bench.disk / "node"
    node.mkdir(exist_ok=True)
    cluster.configure({"n1": f"[node.n1]\nurl = file://{node}\n"}, {"n1": node})
    return cluster


def _write_uploads(directory: Path, count: int) -> None:
    content = bytes(_BYTES)
    for name in _names(count):
        (directory / name).write_bytes(content)


def _expect_jobs(cluster: Cluster, count: int) -> None:
    found = len(cluster.jobs())
    if found != count:
        raise BenchError(f"nodespool: {found} jobs are queued, expected {count}")


def _list_file(bench: Bench, lines: list[str]) -> Path:
    path = bench.disk / "names"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


# --- submissions -----------------------------------------------------------------------------------------------------


def _hook_each(bench: Bench, count: int) -> Run:
    cluster = _cluster(bench)
    names = _list_file(bench, _names(count))
    words = [bench.helper("each"), names, *cluster.program("upload-hook", "-q")]
    run = bench.watch.run(words, prepare=lambda: _write_uploads(cluster.files, count))
    _expect_jobs(cluster, count)
    return run


def _hook_at_once(bench: Bench, count: int) -> Run:
    cluster = _cluster(bench)
    names = _names(count)
    run = cluster.measured("upload-hook", "-q", *names, prepare=lambda: _write_uploads(cluster.files, count))
    _expect_jobs(cluster, count)
    return run


def _followed(bench: Bench, count: int) -> Run:
    """From the first upload until the last one's job stands in the queue. A first file shows that it watches."""
    cluster = _cluster(bench)
    spool = cluster.root / ".queue"
    (cluster.files / "first").touch()

    def is_up() -> bool:
        return any(path.suffix == ".q" and not path.name.startswith(".") for path in spool.iterdir())

    with follower(cluster.program("upload-hook", "-q", "--follow"), cluster.root, is_up) as daemon:
        before = daemon.cpu_seconds()
        run = bench.watch.run([bench.helper("upload_all"), cluster.files, spool, str(count), str(_BYTES)])
        run.cpu_s += daemon.cpu_seconds() - before
        daemon.add_memory(run)
    _expect_jobs(cluster, count + 1)
    return run


def _bare_each(bench: Bench, count: int) -> Run:
    cluster = _cluster(bench)
    names = _list_file(bench, [str(cluster.files / name) for name in _names(count)])
    words = [bench.helper("each"), names, bench.helper("bare_submit"), cluster.root / ".queue"]
    run = bench.watch.run(words, prepare=lambda: _write_uploads(cluster.files, count))
    _expect_jobs(cluster, count)
    return run


def _queue_add(bench: Bench, count: int) -> Run:
    cluster = _cluster(bench)
    lines = _list_file(bench, [f"upload {name} 0 {_BYTES} 1795271066.812106618" for name in _names(count)])
    run = cluster.measured("queue", "add", "-q", stdin=lines)
    _expect_jobs(cluster, count)
    return run


def _of(count: int, action: Callable[[int], Run]) -> Callable[[Part], Run]:
    def run(part: Part) -> Run:
        jobs = _part(count, part)
        measured = action(jobs)
        measured.amount = jobs
        return measured

    return run


def submissions(bench: Bench) -> None:
    count = bench.settings.scaled(_JOBS, 40)
    few = max(20, count // _SLOW_SHARE)
    group = Group("G", "submissions", "jobs/s", count)
    group.note = f"{count} jobs; nodespool and the C program sync an upload of {_BYTES} bytes with each, the others none"
    group.add("nodespool upload-hook", Role.OURS, _of(count, lambda jobs: _hook_each(bench, jobs)))
    group.add("nodespool upload-hook --follow", Role.OURS, _of(count, lambda jobs: _followed(bench, jobs)))
    group.add("nodespool upload-hook, one call", Role.ASIDE, _of(count, lambda jobs: _hook_at_once(bench, jobs)))
    group.add("nodespool queue add, one call", Role.ASIDE, _of(count, lambda jobs: _queue_add(bench, jobs)))
    group.add("bare C program", Role.BARE, _of(count, lambda jobs: _bare_each(bench, jobs)))
    group.add("dirq, synced", Role.PEER, _of(count, DirqPeer(bench, "dirq-synced").submit))
    for daemon in ("beanstalkd", "redis"):
        group.add(daemon, Role.PEER, _of(count, DaemonPeer(bench, daemon).submit))
    # These three sync nothing: their jobs do not survive a power cut.
    group.add("dirq", Role.ASIDE, _of(count, DirqPeer(bench, "dirq").submit))
    group.add("dirq, a process each", Role.ASIDE, _of(few, DirqProcessPeer(bench).submit))
    for name in ("nq", "tsp"):
        group.add(name, Role.ASIDE, _of(few, CommandQueuePeer(bench, name).submit))
    bench.run(group)


# --- drained jobs ----------------------------------------------------------------------------------------------------


def _taken(bench: Bench, cluster: Cluster, count: int) -> Run:
    output = bench.disk / "taken"
    run = cluster.measured("queue", "take", "-q", "upload", stdout=output)
    taken = len(output.read_text().splitlines())
    if taken != count or cluster.jobs():
        raise BenchError(f"nodespool: {taken} jobs were taken and {len(cluster.jobs())} are left, expected {count} and 0")
    return run


def _take_one_job_files(bench: Bench, count: int) -> Run:
    cluster = _cluster(bench)
    for number, name in enumerate(_names(count)):
        cluster.write_queue_file(f"{number:07d}.q", [f"upload {name} 0 {_BYTES} 1795271066.812106618\n"])
    return _taken(bench, cluster, count)


def _take_one_file(bench: Bench, count: int) -> Run:
    cluster = _cluster(bench)
    lines = [f"upload {name} 0 {_BYTES} 1795271066.812106618\n" for name in _names(count)]
    cluster.write_queue_file("all.q", lines)
    return _taken(bench, cluster, count)


def drained(bench: Bench) -> None:
    count = bench.settings.scaled(_JOBS, 40)
    few = max(20, count // _SLOW_SHARE)
    group = Group("G", "drained jobs", "jobs/s", count)
    group.note = f"{count} jobs, taken by one process; nq and tsp run `true` for each"
    group.add("nodespool queue take", Role.OURS, _of(count, lambda jobs: _take_one_job_files(bench, jobs)))
    group.add("nodespool queue take, one file", Role.ASIDE, _of(count, lambda jobs: _take_one_file(bench, jobs)))
    group.add("dirq", Role.PEER, _of(count, DirqPeer(bench, "dirq").drain))
    for daemon in ("beanstalkd", "redis"):
        group.add(daemon, Role.PEER, _of(count, DaemonPeer(bench, daemon).drain))
    for name in ("nq", "tsp"):
        group.add(name, Role.ASIDE, _of(few, CommandQueuePeer(bench, name).drain))
    bench.run(group)


def run(bench: Bench) -> None:
    submissions(bench)
    drained(bench)
    for name in ("upload", "dirq"):
        shutil.rmtree(bench.disk / name, ignore_errors=True)
