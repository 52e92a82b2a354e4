"""The servers that nodes can lie on, as tests/servers/with-servers tells of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from settings import HarnessError

DIRECTORY = "file"  # the kind of node that needs none
FTP = "ftp"
SFTP = "sftp"


@dataclass(frozen=True)
class Server:
    url: str  # without a slash at its end; with all that a login takes, but for what stands in LINES
    root: Path  # what it serves
    lines: str = ""  # of a node's section


def is_there(kind: str) -> bool:
    return kind == DIRECTORY or _variable(kind, "URL") is not None


def server_for(kind: str) -> Server:
    url, root = _variable(kind, "URL"), _variable(kind, "ROOT")
    if url is None or root is None:
        raise HarnessError(f"there is no {kind} server: run this under tests/servers/with-servers")
    if kind != SFTP:
        return Server(url.rstrip("/"), Path(root))
    # By key: a password would take ssh a program more to ask for it.
    parts = urlsplit(url)
    return Server(
        f"sftp://{parts.username}@{parts.hostname}:{parts.port}",
        Path(root),
        f"identity-file = {_variable(kind, 'KEY')}\nknown-hosts-file = {_variable(kind, 'KNOWN_HOSTS')}\n"
        "ssh-config-file = /dev/null\n",
    )


def _variable(kind: str, what: str) -> str | None:
    return os.environ.get(f"NODESPOOL_TEST_{kind.upper()}_{what}")
