"""What the proxy was asked to do wrong, and when: one fault, at its Nth occasion or from there on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Channel(Enum):
    """FTP's kinds of connections; what is no FTP has control connections only."""

    CONTROL = "control"
    DATA = "data"


class Direction(Enum):
    UP = "up"  # to the server
    DOWN = "down"


class Broken(Enum):
    """What may become of a connection."""

    CUT = "cut"  # closed in good order
    STALL = "stall"  # stays open, and nothing moves any more
    RESET = "reset"
    SLOW = "slow"
    SWALLOW = "swallow"  # the rest goes nowhere, though its end is passed on


@dataclass(frozen=True)
class LinkFault:
    broken: Broken
    direction: Direction
    after_bytes: int
    bytes_per_s: int


class When(Enum):
    """What of the server's answer to a command is replaced."""

    UNASKED = "unasked"  # the server never sees the command
    LAST = "last"  # the final reply
    AFTER = "after"  # nothing is replaced: it comes behind the final reply


@dataclass(frozen=True)
class ReplyFault:
    """Something else is said than the server says; then, where so asked, nothing more."""

    verbs: tuple[str, ...]
    when: When
    text: bytes = b""
    hangs_up: bool = False
    cuts_data: bool = False  # after so many bytes as were asked for


GREETING = "GREETING"  # the verb of what comes unasked

_GARBAGE = bytes(range(128, 256)) + b"\x00\x1b[2J\r\n"

REPLY_FAULTS = {
    "greeting-421": ReplyFault((GREETING,), When.LAST, b"421 Too busy now.\r\n", hangs_up=True),
    "login-421": ReplyFault(("PASS",), When.UNASKED, b"421 Too busy now.\r\n", hangs_up=True),
    "stor-425": ReplyFault(("STOR",), When.UNASKED, b"425 Can't open data connection.\r\n"),
    "stor-426": ReplyFault(("STOR",), When.LAST, b"426 Transfer aborted.\r\n", cuts_data=True),
    "stor-452": ReplyFault(("STOR",), When.UNASKED, b"452 Insufficient storage space.\r\n"),
    "stor-552": ReplyFault(("STOR",), When.LAST, b"552 Exceeded storage allocation.\r\n", cuts_data=True),
    "stor-death": ReplyFault(("STOR",), When.LAST, hangs_up=True),
    "epsv-500": ReplyFault(("EPSV",), When.UNASKED, b"500 Unknown command.\r\n"),
    "passive-502": ReplyFault(("EPSV", "PASV"), When.UNASKED, b"502 Not implemented.\r\n"),
    "greeting-garbage": ReplyFault((GREETING,), When.LAST, _GARBAGE),
    "stor-garbage": ReplyFault(("STOR",), When.LAST, _GARBAGE),
    "size-wrong": ReplyFault(("SIZE",), When.LAST, b"213 1\r\n"),
    "tls-garbage": ReplyFault(("AUTH",), When.AFTER, _GARBAGE),
}


class Plan:
    """Counts the occasions. Says on standard output when it strikes, so that a test knows that it did."""

    def __init__(self, channel: Channel, fault: LinkFault | ReplyFault | None, at: int, every: bool) -> None:
        self._channel = channel
        self._fault = fault
        self._at = at
        self._every = every
        self._seen = 0

    def on_control_connection(self) -> LinkFault | None:
        return self._link_fault(Channel.CONTROL)

    def on_upload(self) -> LinkFault | None:
        """Of the data connection of a STOR."""
        return self._link_fault(Channel.DATA)

    def on_command(self, verb: str) -> ReplyFault | None:
        fault = self._fault
        if isinstance(fault, ReplyFault) and verb in fault.verbs and self._is_due():
            struck(verb)
            return fault
        return None

    def _link_fault(self, channel: Channel) -> LinkFault | None:
        if isinstance(self._fault, LinkFault) and channel is self._channel and self._is_due():
            return self._fault
        return None

    def _is_due(self) -> bool:
        self._seen += 1
        return self._seen == self._at or (self._every and self._seen > self._at)


def struck(where: str) -> None:
    print(f"fault {where}", flush=True)
