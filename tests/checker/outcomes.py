"""What processors logged: how each job ended."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^ "]*)'
_FIELD = re.compile(rf"([a-z][a-z-]*)=({_VALUE})")
_LINE = re.compile(rf"\S+Z (?:debug|info|warning|error) \S+ (?P<fields>[a-z][a-z-]*={_VALUE}(?: [a-z][a-z-]*={_VALUE})*)")
# Said of a job that has not ended: its line stays in the queue, or it goes on, on another node.
_NO_END = frozenset({"left", "node-failed"})


class BadLine(Exception):
    """A line of a log that is no line of key=value."""


def fields_of(line: str) -> dict[str, str]:
    """@raises BadLine"""
    match = _LINE.fullmatch(line)
    if not match:
        raise BadLine(line)
    return {key: value.strip('"') for key, value in _FIELD.findall(match["fields"])}


@dataclass
class Outcomes:
    """ENDS: how often each job (QUEUE-FILE:LINE) ended. RESULTS: how often each word was said."""

    ends: Counter[str]
    results: Counter[str]
    bad_lines: list[str]


def read(logs: list[Path], killed: set[str]) -> Outcomes:
    """KILLED: names of logs whose last line may be cut off."""
    outcomes = Outcomes(Counter(), Counter(), [])
    for log in logs:
        text = log.read_text(errors="replace")
        if log.name in killed:
            text = text[: text.rfind("\n") + 1]
        for line in text.splitlines():
            try:
                fields = fields_of(line)
            except BadLine:
                outcomes.bad_lines.append(f"{log.name}: {line}")
                continue
            if "result" not in fields or "job" not in fields:
                continue
            outcomes.results[fields["result"]] += 1
            if fields["result"] not in _NO_END:
                outcomes.ends[fields["job"]] += 1
    return outcomes
