"""How a person's decision reaches the hub: through its local door while it runs, else on its store directly."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from crossdock.cli.assemble import assembled
from crossdock.cli.place import Place
from crossdock.cli.show import progress, who
from crossdock.core import json
from crossdock.core.errors import CrossdockError, StoreError, UsageError
from crossdock.project import load_project
from crossdock.server.serve import is_ours

AT_ONCE = 100
"""ids in one request"""


class Perform(Protocol):
    async def __call__(self, act: str, **said: Any) -> Mapping[str, Any]:
        """Raises CrossdockError."""
        ...


@contextlib.asynccontextmanager
async def acting(place: Place) -> AsyncIterator[Perform]:
    """Raises StoreError when a hub holds the store and does not answer, ProjectError when none runs and the project is
    not well."""
    if answers(place.socket_path):
        async with _through_the_door(place.socket_path) as perform:
            yield perform
        return
    async with assembled(load_project(place.folder, place.environment)) as assembly:

        async def directly(act: str, **said: Any) -> Mapping[str, Any]:
            return await assembly.acts.perform(act, {"who": who(), **said})

        yield directly


async def for_each(perform: Perform, act: str, ids: Sequence[str], what: str) -> Mapping[str, Any]:
    """The same act for many, some at a time: `{"done": […], "failed": [{id, error, hint}]}`."""
    done: list[str] = []
    failed: list[Mapping[str, str]] = []
    for start in range(0, len(ids), AT_ONCE):
        answer = await perform(act, ids=list(ids[start : start + AT_ONCE]))
        done += answer["done"]
        failed += answer["failed"]
        progress(what, min(start + AT_ONCE, len(ids)), len(ids))
    return {"done": done, "failed": failed}


def answers(path: Path) -> bool:
    """Whether a hub of this user's listens there."""
    if not is_ours(path.parent):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(2.0)
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


@contextlib.asynccontextmanager
async def _through_the_door(path: Path) -> AsyncIterator[Perform]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=600.0)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(path)), timeout=timeout) as session:

        async def perform(act: str, **said: Any) -> Mapping[str, Any]:
            try:
                async with session.post(f"http://hub/{act}", data=json.encode({"who": who(), **said})) as response:
                    status, answer = response.status, json.decode(await response.read())
            except (aiohttp.ClientError, TimeoutError) as error:
                raise StoreError(
                    f"the running hub did not answer: {error}", hint="see its log; then try again"
                ) from None
            if status == 200:
                return dict(answer)
            kind = UsageError if status in {400, 404} else CrossdockError
            raise kind(answer.get("error", f"the hub answered {status}"), hint=answer.get("hint", ""))

        yield perform
