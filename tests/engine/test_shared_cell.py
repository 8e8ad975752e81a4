"""What is known of a shared entity comes back from its cell as it went in, and stays small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from crossdock.core.merge import MOST, Shared, State
from crossdock.core.store import Cell
from crossdock.engine.shared_cell import Entry, entry_of, kept

RECORDS = some.dictionaries(
    some.sampled_from("abc"), some.sampled_from([None, 2, True, "", "x", [], {}, {"of": None}]), max_size=3
)
STATES = some.builds(State, RECORDS, some.sampled_from(["", "1", "2"]), some.booleans())
SHARED = some.builds(
    Shared,
    RECORDS,
    some.dictionaries(some.sampled_from(["in", "out"]), STATES),
    some.dictionaries(some.sampled_from(["in", "out"]), some.lists(STATES, max_size=6).map(tuple)),
    some.integers(0, 9),
)


@given(some.builds(Entry, SHARED, some.just({"in": 3}), some.just([("event", "nothing new")])))
def test_what_is_known_of_an_entity_comes_back_as_it_was(entry: Entry) -> None:
    assert entry_of(Cell(1, kept(entry))) == entry


def test_many_writes_of_a_large_record_that_change_little_take_little_room() -> None:
    record = {"name": "N", "about": "x" * 2000}
    ours = tuple(State({**record, "name": f"N{number}"}, f"{number:04}") for number in range(MOST))
    assert len(kept(Entry(Shared(record, ours={"out": ours})))) < 5 * 2000
