"""FTP through the proxy: replies are matched with commands, and data connections led through ports of its own."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass

from links import Half, Link, LinkEnd
from plan import GREETING, Broken, Direction, LinkFault, Plan, ReplyFault, When

_TRANSFERS = frozenset({"STOR", "RETR", "LIST", "NLST", "MLSD"})


@dataclass
class Command:
    """One whose reply is owed to the client."""

    verb: str
    fault: ReplyFault | None = None


class DataPort:
    """A port that takes one data connection, for a transfer of which the client tells later."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._purpose: asyncio.Future[LinkFault | None] = asyncio.get_running_loop().create_future()
        self._listener: asyncio.Server | None = None

    async def open(self) -> int:
        """The number of the port, on the address that the server has."""
        self._listener = await asyncio.start_server(self._serve, self._server[0], 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def begin(self, fault: LinkFault | None) -> None:
        if not self._purpose.done():
            self._purpose.set_result(fault)

    def give_up(self) -> None:
        """No transfer uses it: who has connected is let go."""
        if self._listener:
            self._listener.close()
        self._purpose.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Half(reader, writer)
        assert self._listener
        self._listener.close()
        try:
            server = Half(*await asyncio.open_connection(*self._server))
        except OSError:
            client.reset()
            return
        try:
            fault = await self._purpose
        except asyncio.CancelledError:
            client.close()
            server.close()
            return
        link = Link(client, server, fault)
        await link.run(lambda: link.copy(Direction.UP), lambda: link.copy(Direction.DOWN))


class Control:
    """A control connection."""

    def __init__(self, client: Half, server: Half, server_address: str, plan: Plan, data_bytes: int) -> None:
        self._link = Link(client, server, plan.on_control_connection())
        self._server_address = server_address
        self._plan = plan
        self._data_fault = LinkFault(Broken.CUT, Direction.UP, data_bytes, 0)
        self._owed: deque[Command] = deque([Command(GREETING, plan.on_command(GREETING))])
        self._port: DataPort | None = None
        self._is_secret = False  # TLS has begun: the rest is passed on unread
        self._auth_is_answered = asyncio.Event()

    async def run(self) -> None:
        try:
            await self._link.run(self._commands, self._replies)
        finally:
            if self._port:
                self._port.give_up()

    # --- to the server

    async def _commands(self) -> None:
        source = self._link.client.reader
        while not self._is_secret:
            line = await source.readline()
            if not line:
                break
            command = Command(line.split(maxsplit=1)[0].decode("latin-1").upper() if line.strip() else "")
            command.fault = self._plan.on_command(command.verb)
            self._owed.append(command)
            if command.verb in _TRANSFERS:
                self._begin_transfer(command)
            if command.fault and command.fault.when is When.UNASKED:
                await self._answer_unasked()
            else:
                await self._link.send(Direction.UP, line)
            if command.verb == "AUTH":
                await self._auth_is_answered.wait()
        await self._link.copy(Direction.UP)

    def _begin_transfer(self, command: Command) -> None:
        port, self._port = self._port, None
        fault = self._plan.on_upload() if command.verb == "STOR" else None
        if port is None:
            return
        if command.fault and command.fault.when is When.UNASKED:
            port.give_up()
        else:
            port.begin(self._data_fault if command.fault and command.fault.cuts_data else fault)

    async def _answer_unasked(self) -> None:
        """For the server, as soon as it is the turn of a command that it has not seen."""
        while self._owed and (fault := self._owed[0].fault) and fault.when is When.UNASKED:
            self._owed.popleft()
            await self._say(fault)

    # --- to the client

    async def _replies(self) -> None:
        source = self._link.server.reader
        while not self._is_secret:
            line = await source.readline()
            if not line:
                break
            await self._reply(line)
        await self._link.copy(Direction.DOWN)

    async def _reply(self, line: bytes) -> None:
        command = self._owed[0] if self._owed else Command("")
        is_final = re.match(rb"[2-5]\d\d ", line) is not None
        fault = command.fault
        if is_final and self._owed:
            self._owed.popleft()
        if fault and is_final:
            if fault.when is When.AFTER:
                await self._link.send(Direction.DOWN, line)
            await self._say(fault)
        else:
            await self._link.send(Direction.DOWN, await self._with_own_port(line))
        if command.verb == "AUTH":
            self._is_secret = line.startswith(b"234")
            self._auth_is_answered.set()
        if is_final:
            await self._answer_unasked()

    async def _say(self, fault: ReplyFault) -> None:
        if fault.text:
            await self._link.send(Direction.DOWN, fault.text)
        if fault.hangs_up:
            self._link.close()
            raise LinkEnd

    async def _with_own_port(self, line: bytes) -> bytes:
        """A reply to EPSV or PASV names the server's port, and is made to name one here."""
        if found := re.match(rb"229 .*\(\|\|\|(\d+)\|\)", line):
            port = await self._lead_through(int(found[1]))
            return b"229 Entering Extended Passive Mode (|||%d|)\r\n" % port
        if found := re.match(rb"227 .*?(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", line):
            port = await self._lead_through(int(found[5]) * 256 + int(found[6]))
            address = self._server_address.replace(".", ",").encode()
            return b"227 Entering Passive Mode (%s,%d,%d).\r\n" % (address, port // 256, port % 256)
        return line

    async def _lead_through(self, server_port: int) -> int:
        if self._port:
            self._port.give_up()
        self._port = DataPort((self._server_address, server_port))
        return await self._port.open()
