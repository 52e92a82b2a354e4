"""The parts of doc/performance.md that programs write, each between two lines that name it."""

from __future__ import annotations

from settings import PROJECT

PATH = PROJECT / "doc/performance.md"


def replaced(text: str, section: str, content: str) -> str:
    begin, end = f"<!-- {section}: begin, written by a program -->", f"<!-- {section}: end -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise SystemExit(f"{PATH} lacks the lines that enclose this part:\n{begin}\n{end}")
    return f"{before}{begin}\n\n{content}\n{end}{after}"


def write(section: str, content: str) -> None:
    PATH.write_text(replaced(PATH.read_text(encoding="utf-8"), section, content), encoding="utf-8")
