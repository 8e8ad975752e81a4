"""What a worker is called among those on its store: the same in every life, so that it takes its own lanes at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from pathlib import Path
from secrets import token_hex
from typing import Self

from crossdock.cli.place import STATE

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Name:
    """Of this project's hub on this machine, while the block lasts: its next life has it again. A second hub that
    runs meanwhile, in the same folder or in a copy of it elsewhere, has another. Held by a lock on a file, also by
    every process that `locks` was handed to: a name is free when the last of them has ended."""

    def __init__(self, folder: Path, environment: str) -> None:
        self._lock: int | None = None
        with contextlib.suppress(OSError):
            (folder / STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / STATE / f"{environment}.name", os.O_RDWR | os.O_CREAT, 0o600)
        own = self._own()
        self.text = f"{socket.gethostname()}:{own or token_hex(8)}"

    @property
    def locks(self) -> tuple[int, ...]:
        """To hand to processes that go by it."""
        return () if self._lock is None else (self._lock,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def _own(self) -> str:
        """What the file says, if nobody else goes by it; "" = somebody does, or it cannot be kept."""
        if self._lock is None:
            return ""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            said = os.pread(self._lock, 300, 0).decode("ascii", "replace")
            here = _here(self._lock)
            if not said.startswith(here) or len(said) != len(here) + 16:
                said = f"{here}{token_hex(8)}"
                os.ftruncate(self._lock, 0)
                os.pwrite(self._lock, said.encode(), 0)
        except OSError:
            return ""
        return said[-16:]


def _here(lock: int) -> str:
    """This very file on this machine since it was last started: a copy of the folder, here or elsewhere, is another
    hub's."""
    file, boot = os.fstat(lock), ""
    with contextlib.suppress(OSError):
        boot = BOOT.read_text().strip()
    return f"{socket.gethostname()} {boot} {file.st_dev}:{file.st_ino} "
