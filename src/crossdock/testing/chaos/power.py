"""Power that goes under a real file system: it forgets at once whatever it has not flushed, as after a reset, and comes
back by its journal. A process writes to the store meanwhile, and says what was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import gc
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from crossdock.core.errors import StoreError
from crossdock.stores.sqlite import SqliteStore, opening
from crossdock.testing.chaos import mounted, planted
from crossdock.testing.chaos.disk import judge, work
from crossdock.testing.chaos.ledger import Ledger

CUTS = 8
"""of one store, which lives through all of them"""
LONGEST_S = 0.4
"""between the opening of the store, or what is acknowledged first, and the cut"""
AT_WORK = 0.8
"""How often something is acknowledged first."""
SHUT_DOWN = 0x8004587D
"""_IOR('X', 125, __u32): EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN; linux, fs/ext4/ext4.h and fs/xfs/libxfs/xfs_fs.h"""
NO_LOG_FLUSH = 2
SIZES = {"ext4": 96 << 20, "xfs": 320 << 20}
"""Of the files that they are in; xfs takes no less."""
WRITERS = 8
"""Works under way at once"""
CHECKPOINTS = (24, 200, opening.CHECKPOINT_PAGES)
ENDED = b"ended\n"


def kinds() -> list[str]:
    return [kind for kind in SIZES if shutil.which(f"mkfs.{kind}")]


@functools.cache
def lacks() -> str:
    """Why this cannot run here; "" = it can."""
    if not Path("/dev/loop-control").exists():
        return "needs root and loop devices"
    if os.geteuid() != 0 or not kinds():
        return "needs root and mkfs.ext4 (e2fsprogs) or mkfs.xfs (xfsprogs)"
    try:
        with mounted.mount_point() as at:
            _make(kinds()[0], at)
    except OSError as error:
        return f"needs root and loop devices: {error}"
    return ""


def cuts(seed: int, amount: int = CUTS, *, flushed: bool = True) -> Ledger:
    """Without `flushed` its commits are not: then the campaign must find something."""
    chance = random.Random(f"cut/{seed}")  # noqa: S311 - the seed is the point
    kind = kinds()[seed % len(kinds())]
    ledger = Ledger()
    acknowledged: list[str] = []
    pages = chance.choice(CHECKPOINTS) if flushed else CHECKPOINTS[-1]
    with mounted.mount_point() as at, _writer(pages, flushed) as writer:
        _make(kind, at)
        for number in range(amount):
            at_work = chance.random() < AT_WORK
            acknowledged += _until_cut(writer, at, f"{number}", chance.uniform(0.0, LONGEST_S), at_work=at_work)
            mounted.unmount(at)
            mounted.mount(at, "-o", "loop", str(_image(at)))
            where = f"{kind}, cut {number + 1}"
            asyncio.run(judge(ledger, at / "hub.db", acknowledged, where))
            ledger.trials += 1
            ledger.harms["power cut"] += 1
        ledger.accepted += len(acknowledged)
    return ledger


def _image(at: Path) -> Path:
    return at.with_name("image")


def _make(kind: str, at: Path) -> None:
    with _image(at).open("wb") as file:
        file.truncate(SIZES[kind])
    mounted.run(f"mkfs.{kind}", "-q", str(_image(at)))
    mounted.mount(at, "-o", "loop", str(_image(at)))


def _cut(at: Path) -> None:
    """What is in memory only, of files and of the file system's own log, is gone."""
    descriptor = os.open(at, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUT_DOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


# --- the process that writes --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _writer(checkpoint_pages: int, flushed: bool) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", __name__, str(checkpoint_pages), *([] if flushed else ["unflushed"])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _until_cut(writer: subprocess.Popen[bytes], at: Path, name: str, after_s: float, *, at_work: bool) -> list[str]:
    """The names of what was acknowledged before the power went. A flush that is under way while it goes may be told as
    done by the file system, as by no machine without power: what is acknowledged then counts for nothing."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(f"{at / 'hub.db'} {name}\n".encode())
    writer.stdin.flush()
    heard = _more(writer) if at_work else b""
    cut_at = time.monotonic() + after_s
    while (left_s := cut_at - time.monotonic()) > 0:
        if select.select([writer.stdout], [], [], left_s)[0]:
            heard += _more(writer)
    _cut(at)
    said = heard
    while not said.endswith(ENDED):
        said += _more(writer)
    return [line.decode() for line in heard.split(b"\n")[:-1] if line != ENDED.strip()]


def _more(writer: subprocess.Popen[bytes]) -> bytes:
    assert writer.stdout is not None
    said = os.read(writer.stdout.fileno(), 1 << 16)
    if not said:
        raise RuntimeError("the process that writes has ended")
    return said


def _write_for_ever(told: IO[str], says: IO[str]) -> None:
    """One store after another, each until its disk is gone."""
    for line in told:
        path, name = line.split()
        with contextlib.suppress(StoreError, OSError):
            asyncio.run(_write(Path(path), name, says))
        gc.collect()  # what an exception still holds is open on the disk
        says.write(ENDED.decode())
        says.flush()


async def _write(path: Path, name: str, says: IO[str]) -> None:
    store = SqliteStore(path)
    try:

        async def line(number: int) -> None:
            count = 0
            while True:
                one = f"{name}/{number}/{count}"
                await store.apply(work(one))
                says.write(f"{one}\n")
                says.flush()
                count += 1

        await asyncio.gather(*(line(number) for number in range(WRITERS)))
    finally:
        await store.close()


if __name__ == "__main__":
    opening.CHECKPOINT_PAGES = int(sys.argv[1])
    with contextlib.ExitStack() as changed:
        if "unflushed" in sys.argv:
            changed.enter_context(planted.PLANTS["normal-sync"].planted())
        _write_for_ever(sys.stdin, sys.stdout)
