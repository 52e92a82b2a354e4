"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from settings import Settings

_PACKAGES = (
    "vsftpd openssh-server openssh-client lftp ncftp curl rclone redis-server beanstalkd nq task-spooler python3-dirq"
).split()


def _output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _file_system(path: Path) -> str:
    return _output("stat", "-f", "-c", "%T", path)


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def package_versions() -> dict[str, str]:
    lines = _output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *_PACKAGES).splitlines()
    words = [line.split() for line in lines]
    return {word[0]: word[2] for word in words if len(word) == 3 and word[1] == "installed"}


def facts(settings: Settings) -> dict[str, Any]:
    return {
        "nodespool": _output(settings.programs / "store", "--version"),
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "memory_gib": _memory_gib(),
        "kernel": platform.release(),
        "cluster_file_system": _file_system(settings.cluster_parent),
        "node_file_system": _file_system(settings.node_parent),
        "scale": settings.scale,
        "rounds": settings.rounds,
        "versions": package_versions(),
    }
