"""What a person decides, told to a running hub and to a store that no hub holds."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crossdock.cli.acting import acting
from crossdock.cli.place import place_of, socket_path
from crossdock.core.errors import UsageError
from crossdock.core.work import Count, Work
from crossdock.testing.live import signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type, on_store

PATIENCE_S = 15.0


@pytest.fixture
def rows(type_: Type) -> Callable[..., list[dict[str, Any]]]:
    return lambda group: type_(group, "list", "--json").json


@contextmanager
def hub_with(project: Path, type_: Type, state: str, amount: int = 1) -> Iterator[Hub]:
    """A hub that has taken message 7 … and brought its deliveries into this state."""
    with Hub(project) as hub:
        for number in range(7, 7 + amount):
            assert hub.post(signup(number)) == 200
        until(type_, state, amount)
        yield hub


def until(type_: Type, state: str, amount: int = 1) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while (seen := type_("status", "--json").json["flows"][0])[state] != amount:
        assert time.monotonic() < ends_at, seen
        time.sleep(0.05)


def until_read(type_: Type) -> None:
    """The flow has read every event."""
    ends_at = time.monotonic() + PATIENCE_S
    while type_("status", "--json").json["flows"][0]["lag"]:
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def without_a_way_to_find_out(project: Path) -> None:
    """The action is of class none: an unknown outcome is held."""
    out = project / "connections" / "out.yaml"
    lines = [line for line in out.read_text().splitlines() if "idempotency_header" not in line]
    out.write_text("\n".join(lines) + "\n")


# --- dead letters -------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_shown_and_retried_while_the_hub_runs(
    project: Path, type_: Type, there: Sink, rows: Any
) -> None:
    there.status = 422
    with hub_with(project, type_, "dead", 3):
        listed = rows("dead-letters")
        assert len(listed) == 3
        assert "HTTP 422" in listed[0]["reason"]
        assert [row["attempts"] for row in listed] == [1, 1, 1]
        assert listed[0]["id"] in type_("dead-letters", "list").out
        shown = type_("dead-letters", "show", listed[0]["id"], "--json").json
        assert shown["items"][0]["input"]["email"].endswith("@example.com")
        assert shown["exchanges"][0]["state"] == "refused"
        assert shown["attempts"] == 1
        type_("dead-letters", "retry", listed[0]["id"])
        until(type_, "dead", 3)
        assert type_("dead-letters", "show", listed[0]["id"], "--json").json["attempts"] == 2
        there.status = 200
        assert type_("dead-letters", "retry", listed[0]["id"], "--json").json["done"] == [listed[0]["id"]]
        until(type_, "delivered", 1)
        assert len(type_("dead-letters", "retry", "--all", "--json").json["done"]) == 2
        until(type_, "delivered", 3)
        again = type_("dead-letters", "retry", listed[0]["id"], "--json")
        assert again.code == 1
        assert "is delivered" in again.json["failed"][0]["error"]
    assert len(there.effects) == 3
    assert type_("audit").code == 0


def test_dead_letters_are_retried_and_discarded_while_no_hub_runs(
    project: Path, type_: Type, there: Sink, rows: Any
) -> None:
    there.status = 422
    with hub_with(project, type_, "dead", 2):
        pass
    first, second = (row["id"] for row in rows("dead-letters"))
    assert type_("dead-letters", "discard", first).code == 0
    assert type_("dead-letters", "retry", second, "--flow", "person-to-contact").code == 0
    there.status = 200
    with Hub(project):
        until(type_, "delivered", 1)
    seen = type_("status", "--json").json["flows"][0]
    assert (seen["discarded"], seen["delivered"], seen["dead"]) == (1, 1, 0)
    assert type_("audit").code == 0


# --- holds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [True, False])
def test_an_unknown_outcome_is_adopted_resent_or_discarded(
    project: Path, type_: Type, there: Sink, rows: Any, running: bool
) -> None:
    without_a_way_to_find_out(project)
    there.cut = True
    with hub_with(project, type_, "held", 3) as hub:
        adopted, resent, discarded = (row["id"] for row in rows("holds"))
        refused = type_("holds", "retry", adopted, "--json")
        assert "may have happened" in refused.json["failed"][0]["error"]
        there.cut = False
        if not running:
            hub.stop()
        assert type_("holds", "adopt", adopted, "rec-1").code == 0
        assert type_("holds", "resend", resent).code == 0
        assert type_("holds", "discard", discarded).code == 0
        if running:
            until(type_, "delivered", 2)
    if not running:
        with Hub(project):
            until(type_, "delivered", 2)
    assert rows("holds") == []
    story = type_("trace", "rec-1", "--json").json
    assert story["records"][0]["remote_id"] == "rec-1"
    assert type_("audit").code == 0


# --- quarantine ---------------------------------------------------------------------------------------------------


def test_a_quarantined_message_is_read_anew_once_the_map_is_mended(
    project: Path, type_: Type, there: Sink, rows: Any
) -> None:
    with Hub(project) as hub:
        assert hub.post(signup(7).replace(b"email", b"e_mail")) == 200
        ends_at = time.monotonic() + PATIENCE_S
        while not (listed := rows("quarantine")):
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        shown = type_("quarantine", "show", listed[0]["id"], "--json").json
        assert "e_mail" in shown["body"]
        still = type_("quarantine", "retry", listed[0]["id"], "--json")
        assert still.code == 1
        assert "still not understood" in still.json["failed"][0]["error"]
    chart = project / "maps" / "signup.jq"
    chart.write_text(chart.read_text().replace(".person.email", "(.person.email // .person.e_mail)"))
    assert type_("quarantine", "retry", "--all").code == 0
    with Hub(project) as hub:
        until(type_, "delivered", 1)
        assert hub.post(b"nonsense") == 200
        assert type_("quarantine", "discard", "--all", "--connection", "in").code == 0
    assert rows("quarantine") == []
    assert type_("audit").code == 0


# --- again --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [True, False])
def test_a_rewind_delivers_nothing_twice(project: Path, type_: Type, there: Sink, running: bool) -> None:
    with hub_with(project, type_, "delivered", 2) as hub:
        if not running:
            hub.stop()
        assert type_("rewind", "person-to-contact").code == 0
        assert type_("rewind", "person-to-contacts").code == 2
        if running:
            until_read(type_)
    with Hub(project):
        until_read(type_)
    assert len(there.effects) == 2
    assert sum(there.requests.values()) == 2
    assert type_("audit").code == 0


def test_perform_again_is_on_purpose_and_once(project: Path, type_: Type, there: Sink) -> None:
    with hub_with(project, type_, "delivered"):
        (event,) = type_("trace", "in:7", "--json").json["events"]
        assert type_("trace", "evt-7", "--json").json["events"] == [event]  # by the sender's word for its message
        first = event["deliveries"][0]["id"]
        second = type_("perform-again", first, "--json").json["id"]
        until(type_, "delivered", 2)
        refused = type_("perform-again", first)
        assert refused.code == 2
        assert second in refused.err
    assert len(there.effects) == 2
    assert type_("audit").code == 0


# --- seeing -------------------------------------------------------------------------------------------------------


def test_trace_finds_an_entity_by_whatever_a_person_has_in_hand(project: Path, type_: Type, there: Sink) -> None:
    with hub_with(project, type_, "delivered"):
        story = type_("trace", "in:7", "--json").json
        (event,) = story["events"]
        (delivery,) = event["deliveries"]
        handles = [event["id"], delivery["id"], story["messages"][0]["id"], "7", "1", "p7@example.com"]
        for handle in handles:
            assert type_("trace", handle, "--json").json["keys"] == story["keys"], handle
        assert delivery["exchanges"][0]["attempts"][0]["status"] == 200
        assert story["records"][0]["remote_id"] == "1"
        told = type_("trace", "7", "--bodies").out
        for word in ("signup", "person.created", "delivered", "HTTP 200", "p7@example.com"):
            assert word in told
        unknown = type_("trace", "nobody")
        assert unknown.code == 2
        assert "nothing is known" in unknown.err


def test_audit_finds_what_does_not_agree(project: Path, type_: Type) -> None:
    with hub_with(project, type_, "delivered"):
        assert type_("audit", "--json").json["ok"]

    async def spoil(store: Any) -> None:
        await store.apply(Work("a slip", counts=(Count("flow/person-to-contact", "planned", 1),)))

    on_store(project, spoil)
    said = type_("audit", "--json")
    assert said.code == 1
    assert {one["sum"] for one in said.json["sums"] if not one["agrees"]} == {
        "events read by decision",
        "planned deliveries by state",
    }
    assert "do not agree" in type_("audit").out


def test_audit_agrees_after_retention_has_removed_rows(project: Path, type_: Type) -> None:
    with hub_with(project, type_, "delivered", 3):
        pass
    later = dict.fromkeys(("payloads", "messages", "events", "effects"), time.time() + 1000)

    async def prune(store: Any) -> Any:
        return await store.prune(later, 100)

    assert on_store(project, prune)["messages"] == 3
    sums = type_("audit", "--json").json
    assert sums["ok"]
    assert any(one["parts"].get("retired") == 3 for one in sums["sums"])


def test_the_local_door_refuses_what_it_does_not_understand(project: Path, type_: Type) -> None:
    async def ask(act: str, **said: Any) -> str:
        async with acting(place_of(project, "production")) as perform:
            with pytest.raises(UsageError) as refused:
                await perform(act, **said)
        return refused.value.what

    def play() -> None:
        assert "no such act" in asyncio.run(ask("explode"))
        assert "lacks 'ids'" in asyncio.run(ask("retry"))
        assert "no flow 'nothing'" in asyncio.run(ask("rewind", flow="nothing"))

    play()
    with Hub(project):
        play()
        assert (socket_path(project, "production").stat().st_mode & 0o777) == 0o600
