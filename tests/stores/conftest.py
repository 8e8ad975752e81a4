"""A store for each test of the contract; and a PostgreSQL server of the tests' own, on a socket, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from crossdock.core.store import Store

ELSEWHERE = "CROSSDOCK_TEST_POSTGRES"
HOW = f"no PostgreSQL: install it (apt-get install postgresql), or set {ELSEWHERE} to the url of an empty database"


@pytest.fixture
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """The open store of a test of the contract."""
    request.instance.folder = tmp_path
    store = await request.instance.open_store()
    yield store
    await store.close()


def programs() -> Path | None:
    """The folder that holds `initdb` and `postgres`, the newest release first."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    found = [folder for folder in folders if (folder / "initdb").exists()]
    if not found and (initdb := shutil.which("initdb")):
        found = [Path(initdb).resolve().parent]
    return found[0] if found else None


def account() -> int | None:
    """PostgreSQL refuses to run as root: the user to run it as then, None = ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    pytest.skip("no user but root to run PostgreSQL as")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The url of a database that the tests may empty."""
    if url := os.environ.get(ELSEWHERE):
        yield url
        return
    folder = programs()
    if folder is None:
        pytest.skip(HOW)
    place = Path(tempfile.mkdtemp(prefix="xd-pg-"))
    user = account()
    if user is not None:
        os.chown(place, user, -1)
    data, quiet = place / "data", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user}
    initdb = [folder / "initdb", "-D", data, "-U", "hub", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(initdb, check=True, cwd=place, **quiet)  # type: ignore[call-overload]
    server = subprocess.Popen(  # type: ignore[call-overload]
        [folder / "postgres", "-D", data, "-k", place, "-c", "listen_addresses=", "-c", "fsync=off"], cwd=place, **quiet
    )
    try:
        for _ in range(200):
            if (place / ".s.PGSQL.5432").exists() or server.poll() is not None:
                break
            time.sleep(0.05)
        yield f"postgresql://hub@/postgres?host={place}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(place, ignore_errors=True)
