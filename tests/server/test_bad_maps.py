"""Maps that some message makes run wild, in a real hub: that message is put aside, and all others arrive."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from crossdock.core.message import message_id
from crossdock.core.states import MessageState
from crossdock.testing.live import HubProcess, blank_project, command, signup
from crossdock.testing.sink import Sink

from .conftest import Accepted

WILD = """| if NAME == "endless" then def f: f; f
elif NAME == "long" then last(range(1e12))
elif NAME == "large" then "x" | until(false; . + .)
elif NAME == "much" then "x" * 1e6 | . as $text | [range(1e4) | $text]
elif NAME == "nothing" then empty
elif NAME == "twice" then 1, 2
elif NAME == "error" then error("no")
else . end
"""
IN_SAID = {
    "endless": r"maps/signup.jq:\d+:\d+: stopped: the program takes too many steps",
    "long": r"maps/signup.jq:\d+:\d+: stopped: the program takes too",
    "large": r"maps/signup.jq:\d+:\d+: stopped: a string grows too long",
    "much": "maps/signup.jq: stopped: ",
    "nothing": "made nothing of it",
    "twice": "must make objects",
    "error": r"maps/signup.jq:\d+:\d+: no$",
}
OUT_SAID = {
    **{what: said.replace("signup", "person-to-contact") for what, said in IN_SAID.items()},
    "nothing": "one output is expected, 0 came",
    "twice": "one output is expected, 2 came",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, there: Sink) -> Iterator[HubProcess]:
    """What goes wrong in the map of what comes in, and after an underscore in that of the flow."""
    project = blank_project(tmp_path_factory.mktemp("hub") / "p", there.url)
    for name, said in (("signup", ".data.name"), ("person-to-contact", '(.full_name | ltrimstr("_"))')):
        path = project / "maps" / f"{name}.jq"
        path.write_text(path.read_text() + WILD.replace("NAME", said))
    with HubProcess(project) as hub:
        yield hub


def until(what: object) -> None:
    ends_at = time.monotonic() + 20
    while not what():  # type: ignore[operator]
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@pytest.mark.parametrize("what", IN_SAID)
def test_a_map_that_runs_wild_on_one_message_quarantines_it_and_nothing_else(
    hub: HubProcess, accepted: Accepted, there: Sink, number: int, what: str
) -> None:
    assert hub.post(signup(f"before-{number}")) == 200
    assert hub.post(named(number, what)) == 200
    assert hub.post(signup(f"after-{number}")) == 200
    until(lambda: {f"pbefore-{number}@example.com", f"pafter-{number}@example.com"} <= arrived(there))
    until(lambda: all(message.state is not MessageState.RECEIVED for message in accepted.new()))
    (bad,) = (message for message in accepted.new() if message.state is MessageState.QUARANTINED)
    assert bad.id == message_id("in", f"evt-{number}")
    assert re.search(IN_SAID[what], bad.reason)
    assert f"p{number}@example.com" not in arrived(there)


@pytest.mark.parametrize("what", OUT_SAID)
def test_a_map_that_runs_wild_on_one_event_makes_it_a_dead_letter_and_nothing_else(
    hub: HubProcess, there: Sink, number: int, what: str
) -> None:
    assert hub.post(named(number, f"_{what}")) == 200
    assert hub.post(signup(f"after-{number}")) == 200
    until(lambda: f"pafter-{number}@example.com" in arrived(there))
    until(lambda: f"in:{number}" in {one["key"] for one in dead(hub)})
    (letter,) = (one for one in dead(hub) if one["key"] == f"in:{number}")
    assert re.search(OUT_SAID[what], letter["reason"])
    assert f"p{number}@example.com" not in arrived(there)


def named(number: int, name: str) -> bytes:
    said = json.loads(signup(number))
    said["person"]["name"] = name
    return json.dumps(said).encode()


def arrived(there: Sink) -> set[str]:
    return {body["email"] for body in list(there.effects)}


def dead(hub: HubProcess) -> list[dict[str, Any]]:
    _, said = command(hub.folder, "dead-letters", "list")
    return list(said)


def test_everything_that_is_measured_is_on_the_page(hub: HubProcess, there: Sink, number: int) -> None:
    """Taken in, delivered, failed by class, how far behind, how long and how much is waiting, and how long it takes."""
    failed = counted(hub, 'crossdock_failed_total{flow="person-to-contact",kind="map"}')
    assert hub.post(named(number, "_error")) == 200
    assert hub.post(signup(f"after-{number}")) == 200
    until(lambda: f"pafter-{number}@example.com" in arrived(there))
    until(lambda: counted(hub, 'crossdock_failed_total{flow="person-to-contact",kind="map"}') == failed + 1)
    assert counted(hub, 'crossdock_accepted_total{connection="in"}') >= 2
    assert counted(hub, 'crossdock_delivered_total{flow="person-to-contact"}') >= 1
    assert counted(hub, 'crossdock_end_to_end_seconds_count{flow="person-to-contact"}') >= 1
    assert counted(hub, 'crossdock_receive_seconds_count{connection="in"}') >= 2
    assert counted(hub, 'crossdock_exchange_seconds_count{connection="out"}') >= 1
    page = hub.get("/metrics")[1].decode()
    for gauge in (
        'lag_events{flow="person-to-contact"}',
        'oldest_waiting_seconds{flow="person-to-contact"}',
        'open_deliveries{flow="person-to-contact",state="waiting"}',
        'unread_messages{connection="in"}',
    ):
        assert f"crossdock_{gauge} " in page


def counted(hub: HubProcess, name: str) -> float:
    lines = hub.get("/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))
