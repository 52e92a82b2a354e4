"""The files that are sent, and the comparison of what arrived with what was sent, byte by byte."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from measure import BenchError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileSet:
    """Files in one flat directory, and their sizes."""

    directory: Path
    sizes: dict[str, int]

    @property
    def names(self) -> list[str]:
        return list(self.sizes)

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())

    @property
    def paths(self) -> list[Path]:
        return [self.directory / name for name in self.sizes]

    def list_file(self) -> Path:
        """A file with the path of each, a line each, in order."""
        path = self.directory.with_name(self.directory.name + ".list")
        path.write_text("".join(f"{file}\n" for file in self.paths))
        return path

    def copy_to(self, directory: Path) -> None:
        """As an upload server leaves them: the same contents in files of their own."""
        directory.mkdir(parents=True)
        for name in self.sizes:
            shutil.copy2(self.directory / name, directory / name)

    def link_to(self, directory: Path) -> None:
        """The same files under a second name, for those that are too large to copy for each run."""
        directory.mkdir(parents=True)
        for name in self.sizes:
            os.link(self.directory / name, directory / name)

    def first(self, count: int) -> "FileSet":
        """A set of its own, of the first COUNT files."""
        directory = self.directory.with_name(f"{self.directory.name}-first-{count}")
        part = FileSet(directory, dict(list(self.sizes.items())[:count]))
        if not directory.exists():
            part_of_self = FileSet(self.directory, part.sizes)
            part_of_self.copy_to(directory)
        return part


def make_files(directory: Path, sizes: list[int], seed: int = 1) -> FileSet:
    """Files of these sizes with random content, the same for the same seed."""
    source = random.Random(seed)
    directory.mkdir(parents=True)
    made: dict[str, int] = {}
    for number, size in enumerate(sizes):
        name = f"file-{number:07d}.dat"
        with open(directory / name, "wb") as file:
            for start in range(0, size, _BLOCK):
                file.write(source.randbytes(min(_BLOCK, size - start)))
        made[name] = size
    return FileSet(directory, made)


def log_normal_sizes(total: int, largest: int, seed: int = 7) -> list[int]:
    """Sizes with a median of 64 KiB (sigma 2), until TOTAL bytes are reached exactly."""
    source = random.Random(seed)
    sizes: list[int] = []
    left = total
    while left > 0:
        size = min(left, largest, max(1, int(source.lognormvariate(11.09, 2.0))))  # e^11.09 = 65,500
        sizes.append(size)
        left -= size
    return sizes


def same_content(one: Path, other: Path) -> bool:
    with open(one, "rb") as a, open(other, "rb") as b:
        while True:
            left, right = a.read(_BLOCK), b.read(_BLOCK)
            if left != right:
                return False
            if not left:
                return True


def compare(files: FileSet, arrived: dict[str, Path], what: str) -> None:
    """ARRIVED: for each name, where its copy is. Exactly these files, with exactly these contents."""
    missing = files.sizes.keys() - arrived.keys()
    if missing:
        raise BenchError(f"{what}: {len(missing)} of {len(files.sizes)} files did not arrive, first {min(missing)}")
    extra = arrived.keys() - files.sizes.keys()
    if extra:
        raise BenchError(f"{what}: {len(extra)} files too many, first {min(extra)}")
    for name, copy in arrived.items():
        if not copy.is_file():
            raise BenchError(f"{what}: {copy} is not there")
        if not same_content(files.directory / name, copy):
            raise BenchError(f"{what}: {copy} differs from what was sent")


def files_below(directory: Path) -> list[Path]:
    return [Path(folder) / name for folder, _, names in os.walk(directory) for name in names]


def compare_tree(files: FileSet, directory: Path, what: str) -> None:
    """DIRECTORY, and whatever lies below it, holds these files and no others."""
    below = files_below(directory)
    arrived = {path.name: path for path in below}
    if len(arrived) != len(below):
        raise BenchError(f"{what}: names came twice")
    compare(files, arrived, what)
