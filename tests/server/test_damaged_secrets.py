"""A hub starts although one connection's secrets were damaged: that one waits for a person, the others work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crossdock.core import json
from crossdock.core.work import CellWrite, Work
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.live import SECRET, HubProcess, blank_project, command, signup
from crossdock.testing.sink import sink


async def damage(folder: Path, connection: str, *, whole: bool = False) -> None:
    """Bytes that the vault did not write; or, as a `whole`, nothing that it could read."""
    store = SqliteStore(folder / ".crossdock" / "production.db", executor="inline")
    cell = await store.cell(f"vault/{connection}")
    assert cell is not None
    said = json.decode(cell.value)
    for sealed in said["fields"].values():
        sealed["value"] = sealed["value"][:-8] + "AAAAAAA="
    value = b"\xff" if whole else json.encode(said)
    await store.apply(Work("damage", cells=(CellWrite(f"vault/{connection}", value),)))
    await store.close()


def test_a_hub_starts_and_takes_webhooks_although_a_destinations_secrets_are_damaged(tmp_path: Path) -> None:
    with sink() as there:
        project = blank_project(tmp_path / "p", there.url)
        asyncio.run(damage(project, "out"))
        with HubProcess(project) as hub:
            assert any("was altered" in line for line in hub.ready["missing"])
            assert hub.post(signup(1)) == 200
            _, ready = hub.get("/readyz")
            assert json.decode(ready)["paused"] == ["out"]
            code, status = command(project, "status")
            assert code == 0
            (out,) = [one for one in status["connections"] if one["name"] == "out"]
            assert "the secret token of out was altered" in out["paused"]


@pytest.mark.parametrize("whole", [False, True])
def test_a_webhook_whose_secret_is_damaged_is_to_be_sent_again(tmp_path: Path, whole: bool) -> None:
    with sink() as there:
        project = blank_project(tmp_path / "p", there.url)
        asyncio.run(damage(project, "in", whole=whole))
        with HubProcess(project) as hub:
            assert hub.post(signup(1)) == 503
            code, _ = command(project, "secrets", "delete", "in")
            assert code == 0
            code, _ = command(project, "secrets", "set", "in", "webhook_secret", text=SECRET)
            assert code == 0
            assert hub.post(signup(1)) == 200
            assert "Traceback" not in hub.log
