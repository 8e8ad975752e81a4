"""A hub as a person runs it: a project in a folder, a process of its own, webhooks over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from crossdock.core import json
from crossdock.core.secret import Secret
from crossdock.project import load_project
from crossdock.project.settings import store_url
from crossdock.project.templates import write_template
from crossdock.security.keyring import load_keyring
from crossdock.security.vault import Vault
from crossdock.stores import open_for_reading, open_store

SECRET = "correct horse battery"  # noqa: S105 - of a hub in a test
COMMAND = (sys.executable, "-m", "crossdock")


def blank_project(folder: Path, sink_url: str, store: str = "") -> Path:
    """The blank template, with its secrets, writing to the sink; `signup` webhooks come in at /hooks/in. `store`: in
    place of a SQLite file of its own."""
    write_template("blank", folder)
    out = folder / "connections" / "out.yaml"
    out.write_text(out.read_text().replace("https://api.example.com", sink_url))
    (folder / "crossdock.yaml").write_text(
        f"name: blank\negress: {{allow: ['{sink_url.removeprefix('http://')}']}}\n"
        f"environments: {{production: {{{store and f'store: {json.encode(store).decode()}'}}}}}\n"
    )
    asyncio.run(_set_secrets(folder))
    return folder


def store_url_of(folder: Path) -> str:
    return store_url(folder, load_project(folder).hub.store)


async def _set_secrets(folder: Path) -> None:
    store = open_store(store_url_of(folder))
    vault = Vault(store, load_keyring(folder))
    await vault.put("in", "webhook_secret", Secret(SECRET))
    await vault.put("out", "token", Secret("a token of the sink"))
    await store.close()


def signup(number: int | str, person: int | str = "", **more: Any) -> bytes:
    """A webhook's body; each person is an entity of its own."""
    email = f"p{number}@example.com"
    said = {"id": f"evt-{number}", "type": "signup", "sent_at": "2026-11-03T14:12:43Z", **more}
    return json.encode({**said, "person": {"id": person or number, "email": email, "name": f"Person {number}"}})


def signed(body: bytes) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"x-signature": signature, "content-type": "application/json"}


class Sender:
    """Speaks to a hub on a port of this machine, or where `host` says."""

    host = "127.0.0.1"
    port = 0

    def post(self, body: bytes, headers: Mapping[str, str] | None = None, path: str = "/hooks/in") -> int:
        """The status; 0 when the hub went away."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        with contextlib.closing(connection):
            try:
                connection.request("POST", path, body, dict(signed(body) if headers is None else headers))
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()


class HubProcess(Sender):
    """`crossdock run` on a free port; killed at the end of the block if it still runs. `within`: a command that starts
    it in surroundings of its own, and becomes it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.ready: Mapping[str, Any] = {}
        """the line that it says when it listens"""
        self._arguments = arguments
        self._within = within
        self._environment = {**os.environ, **(environment or {})}

    def __enter__(self) -> Self:
        self._log = (self.folder / "hub.log").open("ab")
        self.process = subprocess.Popen(
            [*self._within, *COMMAND, "run", "--project", str(self.folder), "--port", "0", "--json", *self._arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
        )
        try:
            self._hear()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _hear(self) -> None:
        """Where it listens. Raises RuntimeError when it did not start."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.ready = json.decode(line) if line else {}
        if "url" in self.ready:
            self.host, _, port = self.ready["url"].removeprefix("http://").rpartition(":")
            self.port = int(port)
        elif self.process.wait() > 0:  # a hub that was killed while it started is what some tests want
            raise RuntimeError(f"the hub did not start: {line.decode()} {self.log}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text()


def command(folder: Path, *arguments: str, text: str = "") -> tuple[int, Any]:
    """One command with --json: its exit code, and its document."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--project", str(folder), "--json"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.decode(done.stdout) if done.stdout.strip() else None


def settled(folder: Path, flows: Sequence[str] = ("person-to-contact",)) -> bool:
    """Whether every message is normalised, every event planned and every delivery done."""
    return asyncio.run(_settled(folder, flows))


async def _settled(folder: Path, flows: Sequence[str]) -> bool:
    store = open_for_reading(store_url_of(folder))
    try:
        tallies = await store.tallies()
        received = sum(
            amount for (kind, _, state), amount in tallies.items() if (kind, state) == ("message", "received")
        )
        for flow in flows:
            if list(await store.positions(f"flow/{flow}", "events")) != list(await store.heads("events")):
                return False
            if await store.oldest_open(flow) is not None:
                return False
        return not received
    finally:
        await store.close()
