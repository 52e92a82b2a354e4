"""Results that are kept in a file, so that a long run can be cut off and gone on with."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from points import Result
from settings import HarnessError


class Results:
    """FILE has a JSON line for each; None: nothing is kept. What did not hold is tried anew."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._held: dict[tuple[str, str], Result] = {}
        lines = file.read_text().splitlines() if file and file.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                result = Result(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise HarnessError(f"{file}:{number}: found {line[:60]!r}, expected a result: {error}") from None
            if not result.broken:
                self._held[result.scenario, result.fault] = result

    def of(self, scenario: str, fault: str) -> Result | None:
        return self._held.get((scenario, fault))

    def add(self, result: Result) -> None:
        if self._file and (result.scenario, result.fault) not in self._held:
            with self._file.open("a") as out:
                out.write(json.dumps(dataclasses.asdict(result)) + "\n")
