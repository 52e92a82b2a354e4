#!/usr/bin/python3 -B
"""Other queues as contestants of case G, each job on its own, as a hook would submit it:

queue_peer.py dirq|dirq-synced DIRECTORY submit|drain N
queue_peer.py beanstalkd|redis PORT      submit|drain N

dirq-synced makes each element durable (fsync of the file, the directory and its parent), which dirq itself does not.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

JOB = "upload file-{:07d}.dat 1000 4096 1795271066.812106618\n"


class Dirq:
    def __init__(self, directory: str, is_synced: bool) -> None:
        from dirq.QueueSimple import QueueSimple

        self._queue = QueueSimple(directory)
        self._directory = directory
        self._is_synced = is_synced

    def submit(self, job: str) -> None:
        name = self._queue.add(job)
        if self._is_synced:
            path = os.path.join(self._directory, name)
            for synced in (path, os.path.dirname(path), self._directory):
                fd = os.open(synced, os.O_RDONLY)
                os.fsync(fd)
                os.close(fd)

    def drain(self) -> int:
        taken = 0
        for name in self._queue:
            if self._queue.lock(name):
                taken += bool(self._queue.get(name))
                self._queue.remove(name)
        return taken


class _Wire:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    def ask(self, request: bytes) -> bytes:
        self._socket.sendall(request)
        return self._replies.readline()

    def more(self, size: int) -> bytes:
        return self._replies.read(size)


class Beanstalkd:
    def __init__(self, port: int) -> None:
        self._wire = _Wire(port)

    def submit(self, job: str) -> None:
        body = job.encode()
        reply = self._wire.ask(b"put 0 0 60 %d\r\n%s\r\n" % (len(body), body))
        if not reply.startswith(b"INSERTED"):
            raise SystemExit(f"beanstalkd: {reply!r}")

    def drain(self) -> int:
        taken = 0
        while True:
            words = self._wire.ask(b"reserve-with-timeout 0\r\n").split()
            if words[0] != b"RESERVED":
                return taken
            self._wire.more(int(words[2]) + 2)
            if self._wire.ask(b"delete %s\r\n" % words[1]) != b"DELETED\r\n":
                raise SystemExit("beanstalkd: a job was not deleted")
            taken += 1


class Redis:
    def __init__(self, port: int) -> None:
        self._wire = _Wire(port)

    def submit(self, job: str) -> None:
        body = job.encode()
        reply = self._wire.ask(b"*3\r\n$5\r\nRPUSH\r\n$4\r\njobs\r\n$%d\r\n%s\r\n" % (len(body), body))
        if not reply.startswith(b":"):
            raise SystemExit(f"redis: {reply!r}")

    def drain(self) -> int:
        taken = 0
        while True:
            reply = self._wire.ask(b"*2\r\n$4\r\nLPOP\r\n$4\r\njobs\r\n")
            if reply == b"$-1\r\n":
                return taken
            self._wire.more(int(reply[1:]) + 2)
            taken += 1


PEERS: dict[str, Callable[[str], Dirq | Beanstalkd | Redis]] = {
    "dirq": lambda place: Dirq(place, False),
    "dirq-synced": lambda place: Dirq(place, True),
    "beanstalkd": lambda place: Beanstalkd(int(place)),
    "redis": lambda place: Redis(int(place)),
}


def main(name: str, place: str, action: str, count: str) -> None:
    peer = PEERS[name](place)
    if action == "submit":
        for number in range(int(count)):
            peer.submit(JOB.format(number))
    elif (taken := peer.drain()) != int(count):
        raise SystemExit(f"{name}: {taken} jobs were taken, expected {count}")


if __name__ == "__main__":
    main(*sys.argv[1:])
