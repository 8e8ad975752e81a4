"""The project's folder: what may be read of it. Nothing outside it, nothing huge, nothing but plain files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from crossdock.core.errors import Problem, ProjectError
from crossdock.project.document import Document

LARGEST_BYTES = 1024 * 1024
"""of a file that a person writes"""
LARGEST_DATA_BYTES = 16 * 1024 * 1024
"""of a table or of a case's record"""
MOST_FILES = 2_000
"""in one folder"""


class Folder:
    """`root` is the folder that holds crossdock.yaml. Names are relative to it, with `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = Path(os.path.realpath(root))

    def names(self, kind: str, suffix: str = ".yaml") -> list[str]:
        """The files of `flows/`, `connections/` and the like, in order. Raises ProjectError."""
        place = self.root / kind
        if not place.exists():
            return []
        if not place.is_dir():
            raise ProjectError([Problem(kind, 0, 0, "should be a folder", f"put it into a folder {kind}/")])
        if not Path(os.path.realpath(place)).is_relative_to(self._real):
            raise ProjectError([_leads_out(kind)])
        found = sorted(f"{kind}/{path.name}" for path in place.iterdir() if not path.name.startswith("."))
        if len(found) > MOST_FILES:
            raise ProjectError([Problem(kind, 0, 0, f"holds more than {MOST_FILES:,} files")])
        return [name for name in found if name.endswith(suffix)]

    def exists(self, name: str) -> bool:
        """Raises ProjectError where that cannot be told."""
        try:
            return (self.root / name).exists()
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise ProjectError([Problem(name, 0, 0, f"cannot be looked at: {error.strerror}")]) from None
            return False

    def path(self, name: str, largest_bytes: int = LARGEST_BYTES) -> Path:
        """Where the file is, once it is known to be a plain file inside the project. Raises ProjectError."""

        def stop(what: str, hint: str = "") -> ProjectError:
            return ProjectError([Problem(name, 0, 0, what, hint)])

        if "\0" in name or "\\" in name or name.startswith("/") or ".." in name.split("/"):
            raise stop("a project reads nothing outside its own folder", "move the file into the project")
        path = self.root / name
        try:
            real = Path(os.path.realpath(path))
            if not real.is_relative_to(self._real):
                raise ProjectError([_leads_out(name)])
            if not real.exists():
                raise stop("is not there")
            if not real.is_file():
                raise stop("is not a plain file")
            if real.stat().st_size > largest_bytes:
                raise stop(f"is larger than {largest_bytes // 1024:,} KiB")
        except OSError as error:
            raise stop(f"cannot be read: {error.strerror}") from None
        return path

    def read(self, name: str, largest_bytes: int = LARGEST_BYTES) -> bytes:
        """Raises ProjectError."""
        path = self.path(name, largest_bytes)
        try:
            return path.read_bytes()
        except OSError as error:
            raise ProjectError([Problem(name, 0, 0, f"cannot be read: {error.strerror}")]) from None

    def text(self, name: str, largest_bytes: int = LARGEST_BYTES) -> str:
        """Raises ProjectError."""
        data = self.read(name, largest_bytes)
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            raise ProjectError([Problem(name, line, column, "is not UTF-8 text", "save it as UTF-8")]) from None

    def document(self, name: str, largest_bytes: int = LARGEST_BYTES) -> Document:
        """Raises ProjectError."""
        return Document(name, self.text(name, largest_bytes))


def _leads_out(name: str) -> Problem:
    return Problem(name, 0, 0, "leads out of the project's folder", "copy what it leads to instead of linking to it")
