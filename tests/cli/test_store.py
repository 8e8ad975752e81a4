"""`crossdock store`: a backup while the hub runs, a restore, a move."""

import time
from pathlib import Path

import apsw
import pytest

from crossdock.testing.live import signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type

PATIENCE_S = 15.0


def delivered(type_: Type, amount: int) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while type_("status", "--json").json["flows"][0]["delivered"] != amount:
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def stored_in(project: Path, store: str) -> None:
    file = project / "crossdock.yaml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith("environments")]
    file.write_text("\n".join([*kept, f"environments: {{production: {{store: '{store}'}}}}"]) + "\n")


def test_g26_a_backup_made_while_the_hub_runs_brings_it_back(
    project: Path, type_: Type, there: Sink, tmp_path: Path
) -> None:
    copy = tmp_path / "hub.backup"
    with Hub(project) as hub:
        for number in range(5):
            assert hub.post(signup(number)) == 200
        delivered(type_, 5)
        said = type_("store", "backup", str(copy), "--json")
        assert said.code == 0, said.err
        assert said.json["bytes"] == copy.stat().st_size
        assert hub.post(signup(5)) == 200
        delivered(type_, 6)
        running = type_("store", "restore", str(copy))
        assert running.code == 1
        assert "held by another hub" in running.err
        twice = type_("store", "backup", str(copy))
        assert "already" in twice.err
    restored = type_("store", "restore", str(copy), "--json")
    assert restored.code == 0, restored.err
    assert type_("status", "--json").json["flows"][0]["delivered"] == 5
    assert type_("audit").code == 0
    assert Path(restored.json["kept"]).is_file(), "what was there is kept"
    with Hub(project) as hub:
        assert hub.post(signup(1)) == 200, "known: it came before the backup"
        assert hub.post(signup(5)) == 200, "its sender sends it again, and the platform knows its key"
        assert hub.post(signup(6)) == 200
        delivered(type_, 7)
    assert len(there.effects) == 7
    assert type_("audit").code == 0


@pytest.mark.parametrize("damage", ["cut", "bits", "another program's", "no file"])
def test_a_damaged_backup_is_refused_and_the_store_stays(
    project: Path, type_: Type, tmp_path: Path, damage: str
) -> None:
    copy = tmp_path / "hub.backup"
    assert type_("store", "backup", str(copy)).code == 0
    data = bytearray(copy.read_bytes())
    match damage:
        case "cut":
            copy.write_bytes(data[: len(data) // 2])
        case "bits":
            for place in range(4096, len(data), 1024):
                data[place] ^= 0xFF
            copy.write_bytes(data)
        case "another program's":
            copy.unlink()
            other = apsw.Connection(str(copy))
            other.execute("CREATE TABLE theirs (x)")
            other.close()
        case _:
            copy.unlink()
    refused = type_("store", "restore", str(copy))
    assert refused.code == 1
    assert type_("status").code == 0
    assert not list(project.glob(".crossdock/*before-restore*"))


def test_a_hub_moves_by_one_command_and_its_old_store_opens_no_more(project: Path, type_: Type, there: Sink) -> None:
    with Hub(project) as hub:
        assert hub.post(signup(1)) == 200
        delivered(type_, 1)
        running = type_("store", "copy", "sqlite:.crossdock/production.db", "sqlite:moved.db")
        assert running.code == 1
    done = type_("store", "copy", "sqlite:.crossdock/production.db", "sqlite:moved.db", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"]["deliveries"] == 1
    with pytest.raises(Exception, match="the hub goes on there"):
        Hub(project).__enter__()
    stored_in(project, "sqlite:moved.db")
    with Hub(project) as hub:
        assert hub.post(signup(1)) == 200
        assert hub.post(signup(2)) == 200
        delivered(type_, 2)
    assert len(there.effects) == 2
    stored_in(project, "sqlite:.crossdock/production.db")
    assert type_("store", "reopen").code == 0
    with Hub(project):
        pass


def test_postgresql_is_kept_safe_with_its_own_tools(project: Path, type_: Type) -> None:
    stored_in(project, "postgresql://hub@localhost/hub")
    said = type_("store", "backup", "hub.sql")
    assert said.code == 2
    assert "pg_dump --schema=crossdock --file=hub.sql postgresql://hub@localhost/hub" in said.err
