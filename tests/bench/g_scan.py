"""G, second part: what it costs to look at a large queue, and whether cost grows with the queue alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from context import Bench
from measure import BenchError, Run
from nodespool import Cluster
from rounds import Group, Part, Role

_FILES = 100_000
_LINES = 1_000_000
_A_DIRECTORY = 1000
_FAR = "not-before=9999999999"


def _name(number: int) -> str:
    return f"d{number // _A_DIRECTORY:04d}/file-{number:07d}.dat"


def _line(number: int, attributes: str = "") -> str:
    return f"store {_name(number)} 4096 1795271066.812106618{attributes and ' ' + attributes}\n"


def _cluster(bench: Bench, files: Path | None = None) -> Cluster:
    cluster = bench.cluster(files or bench.disk / "no-uploads")
    cluster.files.mkdir(exist_ok=True)
    node = bench.disk / "node"
    node.mkdir(exist_ok=True)
    cluster.configure({"n1": f"[node.n1]\nurl = file://{node}\n"}, {"n1": node})
    return cluster


def _must_stay(cluster: Cluster, before: int) -> None:
    after = sum(entry.stat().st_size for entry in os.scandir(cluster.root / ".queue") if entry.name.endswith(".q"))
    if after != before:
        raise BenchError(f"nodespool: the queue had {before} bytes and has {after}: nothing was due")


def _not_due(bench: Bench, cluster: Cluster, label: str, unit: str, amount: int, note: str) -> None:
    """Jobs that wait for their time: a processor reads all of them, and leaves them as they stand."""
    group = Group("G", label, unit, amount, note=note)
    queue = cluster.root / ".queue"
    total = sum(entry.stat().st_size for entry in os.scandir(queue) if entry.is_file())

    def store(_: Part) -> Run:
        run = cluster.measured("store", "-q")
        _must_stay(cluster, total)
        return run

    group.add("nodespool store", Role.OURS, store)
    group.add("nodespool queue status", Role.ASIDE, lambda part: cluster.measured("queue", "status"))
    cat = f"find {queue} -maxdepth 1 -type f -print0 | xargs -0 cat >/dev/null"
    group.add("cat", Role.BARE, lambda part: bench.watch.run(["sh", "-c", cat]))
    bench.run(group)


def _one_job_files(bench: Bench, count: int, label: str) -> None:
    cluster = _cluster(bench)
    for number in range(count):
        cluster.write_queue_file(f"{number:07d}.q", [_line(number, _FAR)])
    _not_due(bench, cluster, label, "files/s", count, f"{count} queue files of one job, not yet due")


def _many_lines(bench: Bench, count: int, label: str) -> None:
    cluster = _cluster(bench)
    cluster.write_queue_file("all.q", (_line(number, _FAR) for number in range(count)))
    _not_due(bench, cluster, label, "jobs/s", count, f"one queue file of {count} lines, not yet due")


def _make_empty_files(directory: Path, count: int) -> None:
    for number in range(count):
        if number % _A_DIRECTORY == 0:
            (directory / _name(number)).parent.mkdir(parents=True)
        os.close(os.open(directory / _name(number), os.O_CREAT | os.O_WRONLY, 0o644))


def _stale(bench: Bench, files: Path, count: int, label: str) -> None:
    """Every file is there, and is another than its job speaks of: a look at each, and the job is dropped."""
    group = Group("G", label, "jobs/s", count, note=f"one queue file of {count} lines whose files have another size")
    names = bench.disk / "stale-names"
    names.write_text("".join(f"{_name(number)}\n" for number in range(count)))

    def store(_: Part) -> Run:
        # A cluster for each run; the files stay.
        cluster = _cluster_that_keeps(bench, files)
        cluster.write_queue_file("all.q", (_line(number) for number in range(count)))
        run = cluster.measured("store", "-q")
        if cluster.jobs():
            raise BenchError(f"nodespool: jobs are left: {cluster.jobs()[0]}")
        return run

    group.add("nodespool store", Role.OURS, store)
    group.add("stat", Role.BARE, lambda part: bench.watch.run([bench.helper("stat_all"), files, names]))
    bench.run(group)


def _cluster_that_keeps(bench: Bench, files: Path) -> Cluster:
    """Like any other, but its file space is there already."""
    cluster = _cluster(bench)
    cluster.files = files
    node = bench.disk / "node"
    cluster.configure({"n1": f"[node.n1]\nurl = file://{node}\n"}, {"n1": node})
    return cluster


def run(bench: Bench) -> None:
    files, lines = bench.settings.scaled(_FILES, 100), bench.settings.scaled(_LINES, 1000)
    for count, suffix in ((files // 10, ", a tenth"), (files, "")):
        _one_job_files(bench, count, f"one-job files{suffix}")
    for count, suffix in ((lines // 10, ", a tenth"), (lines, "")):
        _many_lines(bench, count, f"jobs not yet due{suffix}")
    uploads = bench.disk / "stale-files"
    uploads.mkdir()
    _make_empty_files(uploads, lines)
    for count, suffix in ((lines // 10, ", a tenth"), (lines, "")):
        _stale(bench, uploads, count, f"stale jobs{suffix}")
    shutil.rmtree(uploads)
