"""G: the queue alone, on the cluster's own file system."""

from __future__ import annotations

import g_scan
import g_submit
from context import Bench


def run(bench: Bench) -> None:
    g_submit.run(bench)
    g_scan.run(bench)
