"""Holds what was acknowledged against what there is, once nothing waits any more. Each function returns what does not hold,
a line each."""

from __future__ import annotations

from pathlib import Path

import ledger
import outcomes
from cluster import Cluster, Link
from ledger import Event, Wanted

_KILLED = -9
# Done, or some of it later; killed; told to end (-15) before it listened to that, or after its work.
_FINE = frozenset({0, 75, _KILLED, -15})


def of_cluster(events: list[Event], cluster: Cluster) -> list[str]:
    """After the last run: all effects are there, each once, and there is nothing else."""
    links = cluster.links()
    held = cluster.copies_on_nodes()
    wanted = ledger.wanted_files(events)
    found: list[str] = []
    for path, file in sorted(wanted.items()):
        found += _of_file(path, file, links.get(path), held, len(cluster.nodes))
    for path in sorted(ledger.deleted_paths(events) & set(links)):
        found.append(f"{path}: deleted, and still in the catalogue")
    for path in sorted(set(links) - set(wanted) - ledger.deleted_paths(events)):
        found.append(f"{path}: in the catalogue, and nobody uploaded it")
    for node, name in sorted(ledger.removed_copies(events) & set(held)):
        found.append(f"{node}/{name}: its remove job was accepted, and it is still there")
    known = {copy for link in links.values() for copy in (*link.copies, *link.gone)}
    for node, name in sorted(set(held) - known - ledger.removed_copies(events)):
        found.append(f"{node}/{name}: no link file knows it")
    found += [f"{name}: still waits" for name in cluster.waiting()]
    found += [f"{name}: left in the file space" for name in cluster.uploads()]
    return found


def _of_file(
    path: str, file: Wanted, link: Link | None, held: dict[tuple[str, str], str], nodes: int
) -> list[str]:
    if link is None:
        return [f"{path}: its upload was accepted, and it is not in the catalogue"]
    found = []
    if (link.size, link.version) != (file.size, file.version):
        found.append(
            f"{path}: recorded with {link.size} bytes of {link.version}, but the last version is"
            f" {file.size} bytes of {file.version}"
        )
    if len(link.copies) != file.copies(nodes):
        found.append(f"{path}: {len(link.copies)} copies, but {file.copies(nodes)} were asked for")
    if len({node for node, _ in link.copies}) != len(link.copies):
        found.append(f"{path}: two copies on one node")
    for node, name in link.copies:
        sha256 = held.get((node, name))
        if sha256 is None:
            found.append(f"{path}: its copy {node}/{name} is not there")
        elif sha256 != file.sha256:
            found.append(f"{path}: its copy {node}/{name} has other bytes")
    found += [f"{path}: {node}/{name} was to be removed" for node, name in link.gone]
    return found


def of_logs(events: list[Event], logs: Path) -> list[str]:
    """Each job ended once. Where a processor was killed, its last words may be missing; where somebody put a hand on a queue
    file, its jobs may have been looked at again."""
    ended = {event["log"]: event["status"] for event in events if event["what"] == "ended"}
    killed = {log for log, status in ended.items() if status == _KILLED}
    said = outcomes.read(sorted(logs.glob("*.log")), killed)
    found = [f"{line}: not key=value" for line in said.bad_lines]
    found += [f"{log}: exit status {status}" for log, status in ended.items() if status not in _FINE]
    touched = {event["queue_file"] for event in events if event["what"] == "touched"}
    for job, count in sorted(said.ends.items()):
        if count > 1 and job.rpartition(":")[0] not in touched:
            found.append(f"{job}: ended {count} times")
    if killed:
        return found
    for queue_file, jobs in sorted(ledger.acknowledged_jobs(events).items()):
        count = sum(1 for job in said.ends if job.rpartition(":")[0] == queue_file)
        if count != jobs:
            found.append(f"{queue_file}: {count} of its {jobs} jobs have an end in the logs")
    return found
