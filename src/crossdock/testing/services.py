"""The servers that some tests need, from this machine's own programs: `python -m crossdock.testing.services COMMAND`.

Each runs as an unprivileged user in a temporary folder, on a socket in it, and is gone afterwards. COMMAND finds them
in its environment; without one they run until Ctrl-C. A variable that is set already stands for a server elsewhere.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

POSTGRES = "CROSSDOCK_TEST_POSTGRES"
"""The url of a database that tests may empty."""
HOW = f"no PostgreSQL: install it (apt-get install postgresql), or set {POSTGRES} to the url of an empty database"
GUARD = """
while read -r said; do
  [ "$said" = well ] && exit
  server=$said
done
if [ -n "$server" ] && kill -QUIT "$server"; then
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" || break; sleep 0.2; done
fi
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && break; sleep 0.2; done
"""
"""A shell that is told which server runs, if any does; where we end without a word, so do that and the folder."""
STARTS_S = 30.0
STOPS_S = 30.0


class Missing(Exception):
    """The machine lacks it; how to get it is the message, in one line."""


class Postgres:
    """A server of one's own. `durable`: with fsync, as in production; tests mostly do without. `listen`: addresses of
    this machine on which it is heard, too, and believes everybody. `connections`: how many it has for all."""

    def __init__(self, *, durable: bool = False, listen: Sequence[str] = (), connections: int = 200) -> None:
        """Makes its folder and its cluster. Raises Missing."""
        self._programs = _programs()
        self._user = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="xd-pg-"))
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", str(self._folder)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._listen = listen
        self._options = ["-c", f"max_connections={connections}"]
        if not durable:
            self._options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        self.url = f"postgresql://hub@/postgres?host={self._folder}"
        try:
            if self._user is not None:
                os.chown(self._folder, self._user, -1)
            self._run("initdb", "-U", "hub", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync")
            if listen:
                with (self._data / "pg_hba.conf").open("a") as rules:
                    rules.write("host all all samenet trust\n")
        except BaseException:
            self.remove()
            raise

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.remove()

    def start(self) -> None:
        """Returns when it answers."""
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data, "-k", self._folder]
        command += ["-c", f"listen_addresses={','.join(self._listen)}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._options],
                cwd=self._folder,
                user=self._user,
                stdout=log,
                stderr=log,
            )
        self._tell_guard(str(self._process.pid))
        ends_at = time.monotonic() + STARTS_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends_at:
                raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: fast, with a checkpoint. SIGQUIT: as if the machine had failed; the next start recovers."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOPS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._tell_guard("")

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._guard.communicate(b"well\n")

    def _tell_guard(self, said: str) -> None:
        assert self._guard.stdin is not None
        with suppress(BrokenPipeError):  # it was killed
            self._guard.stdin.write(f"{said}\n".encode())
            self._guard.stdin.flush()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _answers(self) -> bool:
        where = ["-h", str(self._folder), "-U", "hub", "-d", "postgres"]
        probe: list[str | Path] = [self._programs / "pg_isready", "-q", *where]
        return subprocess.run(probe, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, "-D", self._data, *arguments],
            cwd=self._folder,
            user=self._user,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()[-2000:]}")


def _programs() -> Path:
    """The folder that holds `initdb` and `postgres`, the newest release first."""
    releases = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if folder.parent.name.isdigit()]
    for folder in sorted(releases, key=lambda folder: int(folder.parent.name), reverse=True):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    raise Missing(HOW)


def _unprivileged() -> int | None:
    """PostgreSQL refuses to run as root: the user to run it as then; None = ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise Missing("no PostgreSQL: there is no user but root to run it as; add a user called postgres")


def main(arguments: Sequence[str]) -> int:
    if os.environ.get(POSTGRES):
        return _run(arguments, os.environ[POSTGRES])
    try:
        server = Postgres()
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    with server:
        return _run(arguments, server.url)


def _run(arguments: Sequence[str], url: str) -> int:
    if not arguments:
        print(f"export {POSTGRES}='{url}'", flush=True)
        print("Ctrl-C stops it.", file=sys.stderr)
        return _wait()
    environment: dict[str, Any] = {**os.environ, POSTGRES: url}
    process = subprocess.Popen(arguments, env=environment)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda given, _: process.send_signal(given))
    return process.wait()


def _wait() -> int:
    """Until it is told to stop."""
    until = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, until)
    signal.sigwait(until)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
