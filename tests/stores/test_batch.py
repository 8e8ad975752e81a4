"""The samples of the contract, and the decisions that need no store."""

from typing import Any

import pytest
from msgspec.structs import fields

from crossdock.core.states import DeliveryState
from crossdock.core.work import Committed, CrossReferenceAbsent, LaneFence, NotCommitted, Work
from crossdock.stores.batch import Batch
from crossdock.stores.facts import Facts, wanted
from crossdock.testing.store_promises import samples as a

GIVEN_BY_THE_STORE = {"number"}
SAMPLES = [
    a.arrival("1"),
    a.message("1", state=a.MessageState.QUARANTINED),
    a.event("1"),
    a.delivery("1", batch="b", settled_at=1.0, state=DeliveryState.HELD, waiting_for=None),
    a.exchange("1", "b", state=a.ExchangeState.OK),
    a.effect("1", "d", "x"),
    a.attempt("x"),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_the_contract_tries_every_field_of_a_row(sample: Any) -> None:
    """A field that core gains must be set in the samples, or no test would notice a store that drops it."""
    untried = [
        field.name
        for field in fields(sample)
        if not field.required and getattr(sample, field.name) == field.default and field.name not in GIVEN_BY_THE_STORE
    ]
    assert not untried


def test_a_batch_asks_only_for_what_its_works_touch() -> None:
    delivery = a.delivery("1")
    works = [
        Work("w1", messages=(a.message("1"),)),
        Work(
            "w2", guards=(CrossReferenceAbsent("b", "m", "k"),), delivery_moves=(a.move(delivery, DeliveryState.DEAD),)
        ),
    ]
    want = wanted(works)
    assert list(want.works) == ["w1", "w2"]
    assert list(want.messages) == [a.message("1").id]
    assert list(want.deliveries) == [delivery.id]
    assert list(want.references) == [("b", "m", "k")]
    assert not any((want.events, want.exchanges, want.remotes, want.lanes, want.cells))


def test_a_refused_work_changes_neither_the_facts_nor_what_is_written() -> None:
    batch = Batch(Facts())
    assert isinstance(batch.decide(Work("w1", messages=(a.message("1"),))), Committed)
    before = (repr(batch.facts), repr(batch.changes))
    refused = batch.decide(
        Work(
            "w2",
            messages=(a.message("2"),),
            events=(a.event("1"),),
            delivery_moves=(a.move(a.delivery("1"), DeliveryState.DEAD),),
        )
    )
    assert isinstance(refused, NotCommitted)
    assert isinstance(batch.decide(Work("w3", guards=(LaneFence(a.lane(1), 1),))), NotCommitted)
    assert (repr(batch.facts), repr(batch.changes)) == before
