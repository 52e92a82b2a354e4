"""A connection through the proxy: the client's half and the server's, and what goes between them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from plan import Broken, Direction, LinkFault, struck

Steps = Coroutine[Any, Any, None]

_CHUNK = 65536
_SLOW_STEP_S = 0.05


class LinkEnd(Exception):
    """The link was ended: there is nobody to send to."""


class Half:
    """One of the two connections."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def send_end(self) -> None:
        if self._writer.can_write_eof():
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        linger_none = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):  # it is closed already
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
        self._writer.transport.abort()


class Link:
    _running: ClassVar[set[Link]] = set()  # asyncio alone would lose those that stall

    def __init__(self, client: Half, server: Half, fault: LinkFault | None) -> None:
        self.client = client
        self.server = server
        self.fault = fault
        self._passed_bytes = 0  # in the direction of the fault
        self._may_move = asyncio.Event()
        self._may_move.set()
        self._has_struck = False

    async def run(self, up: Callable[[], Steps], down: Callable[[], Steps]) -> None:
        """Until both directions are at their ends, or the link is broken."""
        Link._running.add(self)
        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            await self.break_if_due()
            await asyncio.gather(*tasks)
            self.close()
        except LinkEnd:
            pass
        except OSError:
            self.reset()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            Link._running.discard(self)

    async def copy(self, direction: Direction) -> None:
        """Everything that comes, up to its end."""
        source = self.client if direction is Direction.UP else self.server
        while data := await source.reader.read(_CHUNK):
            await self.send(direction, data)
        await self.send_end(direction)

    async def send(self, direction: Direction, data: bytes) -> None:
        await self._may_move.wait()
        target = self._target(direction)
        fault = self.fault
        if fault is None or direction is not fault.direction:
            await target.send(data)
            return
        before = max(fault.after_bytes - self._passed_bytes, 0)
        self._passed_bytes += len(data)
        if data[:before]:
            await target.send(data[:before])
        await self.break_if_due()
        rest = data[before:]
        if rest and fault.broken is Broken.SLOW:
            await self._send_slowly(target, rest, fault.bytes_per_s)
        elif not self._has_struck and rest:
            await target.send(rest)

    async def send_end(self, direction: Direction) -> None:
        await self._may_move.wait()
        self._target(direction).send_end()

    async def break_if_due(self) -> None:
        fault = self.fault
        if fault is None or self._passed_bytes < fault.after_bytes:
            return
        if not self._has_struck:
            struck(f"{fault.broken.value} {fault.direction.value}")
        self._has_struck = True
        match fault.broken:
            case Broken.CUT:
                self.close()
                raise LinkEnd
            case Broken.RESET:
                self.reset()
                raise LinkEnd
            case Broken.STALL:
                self._may_move.clear()
                await self._may_move.wait()
            case Broken.SLOW | Broken.SWALLOW:
                pass

    def close(self) -> None:
        self.client.close()
        self.server.close()

    def reset(self) -> None:
        self.client.reset()
        self.server.reset()

    def _target(self, direction: Direction) -> Half:
        return self.server if direction is Direction.UP else self.client

    async def _send_slowly(self, target: Half, data: bytes, bytes_per_s: int) -> None:
        step = max(int(bytes_per_s * _SLOW_STEP_S), 1)
        for begin in range(0, len(data), step):
            await target.send(data[begin : begin + step])
            await asyncio.sleep(step / bytes_per_s)
