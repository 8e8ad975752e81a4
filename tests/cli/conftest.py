import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import structlog

from crossdock.cli.assemble import assembled
from crossdock.cli.main import main
from crossdock.cli.run import Wish, serve
from crossdock.core.store import Store
from crossdock.project import load_project
from crossdock.server.serve import tcp_socket
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.live import Sender, blank_project
from crossdock.testing.sink import Sink, sink


class Typed:
    """What a command said and ended with."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        """The only document on stdout."""
        (line,) = self.out.splitlines()
        return json.loads(line)


Type = Callable[..., Typed]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str]) -> Type:
    """Types a command."""

    def type_(*words: str) -> Typed:
        code = main(words)
        said = capsys.readouterr()
        return Typed(code, said.out, said.err)

    return type_


@pytest.fixture
def there() -> Iterator[Sink]:
    with sink() as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, there: Sink) -> Path:
    return blank_project(tmp_path / "p", there.url)


@pytest.fixture
def type_(bare: Type, project: Path) -> Type:
    """Types a command about the project."""
    return lambda *words: bare(*words, "--project", str(project))


def on_store(project: Path, play: Callable[[Store], Awaitable[Any]]) -> Any:
    """Something done on the project's store while no hub holds it."""

    async def run() -> Any:
        store = SqliteStore(project / ".crossdock" / "production.db")
        try:
            return await play(store)
        finally:
            await store.close()

    return asyncio.run(run())


class Hub(Sender):
    """What `crossdock run` runs, in a thread of this process: it starts in no time."""

    def __init__(self, folder: Path, *new_accounts: str) -> None:
        self._folder = folder
        self._wish = Wish("127.0.0.1", 0, 3.0, new_accounts)
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hub")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail(self, error: BaseException) -> None:
        """A stage meets what it cannot survive."""
        self._loop.call_soon_threadsafe(self._context.fail, error)
        self._thread.join()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed = error
        self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with contextlib.closing(tcp_socket("127.0.0.1", 0)) as sock:
            async with assembled(load_project(self._folder)) as assembly:
                self._context = assembly.hub.context
                await serve(assembly, sock, self._wish, self._stop, self._is_ready)

    async def _is_ready(self, port: int) -> None:
        self.port = port
        self._ready.set()
