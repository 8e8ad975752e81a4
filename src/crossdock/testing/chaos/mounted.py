"""File systems of a trial's own, for as long as it lasts. They are gone afterwards, also where we end without a word: a
shell waits for that."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

HOW = "needs root, to mount a file system"
NEW_MOUNTS = 0x20000
"""CLONE_NEWNS; linux, include/uapi/linux/sched.h"""
SWEEP = 'read -r _; while umount "$1" 2>/dev/null; do :; done; umount -l "$1" 2>/dev/null; rm -rf "$2"'


@contextlib.contextmanager
def mount_point() -> Iterator[Path]:
    """An empty folder. What is mounted there is unmounted when the block ends. Beside it is room for a file."""
    _alone()
    folder = Path(tempfile.mkdtemp(prefix="crossdock-chaos-"))
    at = folder / "mounted"
    at.mkdir()
    sweep = ["sh", "-c", SWEEP, "sweep", str(at), str(folder)]
    with subprocess.Popen(sweep, stdin=subprocess.PIPE, start_new_session=True) as sweeper:
        try:
            yield at
        finally:
            assert sweeper.stdin is not None
            sweeper.stdin.close()
            sweeper.wait()


@functools.cache
def _alone() -> None:
    """What this process mounts is seen by it and its children only: another's copy would keep it mounted."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS) != 0:
        raise OSError(ctypes.get_errno(), "no mount namespace of its own")
    run("mount", "--make-rprivate", "/")


def mount(at: Path, *arguments: str) -> None:
    run("mount", *arguments, str(at))


def unmount(at: Path) -> None:
    run("umount", str(at))


def run(*command: str) -> None:
    """Raises OSError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


def lacks(at_least: Sequence[str], *arguments: str) -> str:
    """Why this cannot be mounted here; "" = it can. `at_least`: programs that must be there."""
    if os.geteuid() != 0:
        return HOW
    missing = [program for program in at_least if shutil.which(program) is None]
    if missing:
        return f"{HOW}, and {', '.join(missing)}"
    try:
        with mount_point() as at:
            mount(at, *arguments)
    except OSError as error:
        return f"{HOW}: {error}"
    return ""
