"""A running hub, from outside: how it starts, refuses to start, is seen, and stops."""

import io
import json
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crossdock.core.errors import StoreError
from crossdock.testing.live import SECRET, HubProcess, signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type

PATIENCE_S = 15.0


def eventually(what: Callable[[], object]) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def test_a_hub_from_start_to_stop(project: Path, type_: Type, there: Sink) -> None:
    with HubProcess(project) as hub:
        assert hub.ready["event"] == "ready"
        assert hub.ready["hooks"] == {"in": f"http://127.0.0.1:{hub.port}/hooks/in"}
        assert hub.ready["flows"][0]["guarantee"]
        assert hub.ready["missing"] == []
        assert hub.get("/readyz")[0] == 200
        assert hub.post(signup(7)) == 200
        eventually(lambda: len(there.effects) == 1)

        seen = type_("status", "--json").json
        assert seen["running"]
        assert seen["connections"][0]["accepted"] == 1
        assert seen["connections"][0]["paused"] == ""
        assert seen["flows"][0]["delivered"] == 1
        assert "is running" in type_("status").out

        second = type_("run", "--port", "0")
        assert second.code == 1
        assert f"process {hub.process.pid}" in second.err

        metrics = hub.get("/metrics")[1].decode()
        assert 'crossdock_accepted_total{connection="in"} 1.0' in metrics
        assert 'crossdock_delivered_total{flow="person-to-contact"} 1.0' in metrics
        assert 'crossdock_lag_events{flow="person-to-contact"}' in metrics
        assert 'crossdock_breaker_open{connection="out"} 0.0' in metrics

        hub.process.terminate()
        assert hub.process.wait(PATIENCE_S) == 0
        assert hub.process.stdout
        assert json.loads(hub.process.stdout.read()) == {"event": "stopped"}
    log = [json.loads(line) for line in hub.log.splitlines()]
    assert [line["event"] for line in log] == ["started", "stopping", "stopped"]
    assert SECRET not in hub.log
    assert not type_("status", "--json").json["running"]
    assert type_("audit").code == 0


def test_a_second_ctrl_c_ends_it_where_it_stands(project: Path, type_: Type, there: Sink) -> None:
    there.delay_s = 30.0
    with HubProcess(project, "--grace", "60") as hub:
        assert hub.post(signup(7)) == 200
        eventually(lambda: there.requests)
        hub.process.send_signal(signal.SIGINT)
        eventually(lambda: "stopping" in hub.log)
        hub.process.send_signal(signal.SIGINT)
        assert hub.process.wait(PATIENCE_S) == 130
    assert type_("audit").code == 0


def test_what_is_under_way_ends_within_the_grace_or_is_resolved_by_the_next_hub(
    project: Path, type_: Type, there: Sink
) -> None:
    there.delay_s = 30.0
    with HubProcess(project, "--grace", "1") as hub:
        assert hub.post(signup(7)) == 200
        eventually(lambda: there.requests)
        hub.process.terminate()
        assert hub.process.wait(PATIENCE_S) == 0
    there.delay_s = 0.0
    with Hub(project):
        eventually(lambda: type_("status", "--json").json["flows"][0]["delivered"] == 1)
    assert len(there.effects) == 1
    assert type_("audit").code == 0


def test_it_is_open_to_other_machines_only_when_told(type_: Type) -> None:
    said = type_("run", "--host", "0.0.0.0")
    assert said.code == 2
    assert "--public" in said.err


def test_a_port_in_use_is_named(type_: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = type_("run", "--port", str(taken.getsockname()[1]))
    assert said.code == 1
    assert "cannot listen" in said.err
    assert "--port" in said.err


def test_instead_of_a_port_in_use_one_is_named_that_is_free_and_nobodys_default(type_: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for _ in range(2):
            said = type_("run", "--port", str(taken.getsockname()[1]))
            port = int(said.err.partition("another: --port ")[2].split()[0])
            assert port not in {8420, 8421}
            socket.create_server(("127.0.0.1", port)).close()


def test_a_store_that_is_none_is_named_with_what_to_do(project: Path, type_: Type) -> None:
    (project / ".crossdock" / "production.db").write_bytes(b"not a database" * 100)
    said = type_("run", "--port", "0")
    assert said.code == 1
    assert "production.db" in said.err
    assert "Traceback" not in said.err


def test_another_vault_key_starts_no_hub(project: Path, type_: Type) -> None:
    (project / ".crossdock" / "vault.key").unlink()
    said = type_("run", "--port", "0")
    assert said.code == 1
    assert "vault key" in said.err


def test_what_is_missing_is_said_at_the_start(project: Path, type_: Type) -> None:
    assert type_("secrets", "delete", "out", "token").code == 0
    with HubProcess(project) as hub:
        (line,) = hub.ready["missing"]
        assert "crossdock secrets set out token" in line


def test_a_secret_that_is_not_set_pauses_its_connection_until_it_is(
    project: Path, type_: Type, there: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert type_("secrets", "delete", "out", "token").code == 0
    with HubProcess(project) as hub:
        assert hub.post(signup(7)) == 200
        eventually(lambda: type_("status", "--json").json["connections"][1]["paused"])
        assert "crossdock secrets set out token" in type_("status").out
        assert hub.process.poll() is None
        assert there.effects == []
        monkeypatch.setattr("sys.stdin", io.StringIO("a token of the sink"))
        assert type_("secrets", "set", "out", "token").code == 0
        eventually(lambda: len(there.effects) == 1)


def test_another_account_is_taken_only_when_it_is_meant(project: Path, type_: Type) -> None:
    with Hub(project):
        pass
    out, hub_file = project / "connections" / "out.yaml", project / "crossdock.yaml"
    port = json.loads(out.read_text().split("base_url: http://127.0.0.1:")[1].split("/")[0])
    for file in (out, hub_file):
        file.write_text(file.read_text().replace(f"127.0.0.1:{port}", f"localhost:{port}"))
    said = type_("run", "--port", "0")
    assert said.code == 1
    assert "--new-account out" in said.err
    with Hub(project, "out"):
        pass
    with Hub(project):
        pass


def test_for_a_person_it_says_in_plain_words_what_runs_where(project: Path) -> None:
    import subprocess

    from crossdock.testing.live import COMMAND

    process = subprocess.Popen(
        [*COMMAND, "run", "--project", str(project), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout
        said = ""
        while "Ctrl-C" not in said:
            said += process.stdout.readline().decode()
        assert "blank (production) is running" in said
        assert "/hooks/in" in said
        assert "person-to-contact" in said
        assert "once: the platform answers a repeat with its first result" in said
        assert "\x1b" not in said
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        process.communicate()


def test_a_store_that_fails_stops_the_hub_with_what_to_do(project: Path, type_: Type) -> None:
    hub = Hub(project).__enter__()
    hub.fail(StoreError("the disk is full", hint="make room, then start the hub again"))
    with pytest.raises(StoreError, match="the disk is full"):
        hub.stop()
    assert hub.post(signup(7)) == 0
    with Hub(project) as again:
        assert again.post(signup(7)) == 200
