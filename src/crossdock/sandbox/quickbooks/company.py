"""One QuickBooks company: its settings, its records, and what changed in the request at hand."""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from crossdock.sandbox.clock import SandboxClock
from crossdock.sandbox.quickbooks import problems

Record = dict[str, Any]
CENT: Final = Decimal("0.01")
PACIFIC: Final = ZoneInfo("America/Los_Angeles")


def cents(value: Decimal) -> Decimal:
    """Half a cent goes up, away from zero, as the server rounds (recorded: 128.350 x 14.50 is 1861.08)."""
    return value.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this company is set up. `time_zone` gives the offset in MetaData times.

    `automated_tax_percent`: what automated sales tax computes on taxable lines of a US company that names no
    tax code and no total.
    """

    name: str = "Sandbox Company"
    country: str = "CA"
    currency: str = "CAD"
    time_zone: str = "America/Toronto"
    multicurrency: bool = False
    custom_txn_numbers: bool = True
    warn_duplicate_numbers: bool = True
    allow_discount: bool = True
    allow_shipping: bool = True
    book_close_date: str | None = None
    automated_tax_percent: Decimal = Decimal(8)

    @property
    def is_us(self) -> bool:
        return self.country == "US"

    @classmethod
    def names(cls) -> list[str]:
        return [one.name for one in fields(cls)]


@dataclass(frozen=True, slots=True)
class Change:
    kind: str
    id: str
    verb: str
    """created, updated, deleted or voided"""


@dataclass
class Company:
    """Records by kind and id, oldest first. Every write goes through `put`, `touch` or `remove`."""

    realm_id: str
    settings: Settings
    clock: SandboxClock
    rng: random.Random
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    gone: dict[tuple[str, str], str] = field(default_factory=dict)
    """When each deleted record went, by (kind, id)."""
    other_names: set[str] = field(default_factory=set)
    """Names of vendors and employees, which share one name space with customers; lower case."""
    changes: list[Change] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Record]:
        return self.records.setdefault(kind, {})

    def every(self, kind: str) -> Iterator[Record]:
        yield from self.of(kind).values()

    def get(self, kind: str, id_: str) -> Record:
        """Raises 610."""
        record = self.of(kind).get(id_)
        if record is None:
            raise problems.deleted() if (kind, id_) in self.gone else problems.not_found()
        return record

    def refer(self, kind: str, ref: Record, element: str) -> Record:
        """The active record that a reference means. Raises 2500."""
        record = self.of(kind).get(ref.get("value", ""))
        if record is None:
            raise problems.invalid_reference(element)
        if record.get("Active") is False:
            raise problems.invalid_reference(element, problems.INACTIVE)
        return record

    def put(self, kind: str, record: Record, verb: str) -> Record:
        """Stores a new state: next SyncToken, new LastUpdatedTime, an id when it has none."""
        id_ = record.get("Id") or self._new_id(kind)
        old = self.of(kind).get(id_)
        now = self.stamp()
        stored = {
            **record,
            "domain": "QBO",
            "sparse": False,
            "Id": id_,
            "SyncToken": str(int(old["SyncToken"]) + 1) if old else "0",
            "MetaData": {
                "CreateTime": old["MetaData"]["CreateTime"] if old else now,
                "LastUpdatedTime": now,
            },
        }
        self.of(kind)[id_] = stored
        self.changes.append(Change(kind, id_, verb))
        return stored

    def remove(self, kind: str, id_: str) -> None:
        del self.of(kind)[id_]
        self.gone[kind, id_] = self.stamp()
        self.changes.append(Change(kind, id_, "deleted"))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: an exception inside takes every write back. Yields with no changes noted.

        Records are replaced, never changed in place, so copying the two levels of dicts is enough.
        """
        self.changes.clear()
        records = {kind: dict(by_id) for kind, by_id in self.records.items()}
        gone = dict(self.gone)
        try:
            yield
        except BaseException:
            self.records, self.gone = records, gone
            self.changes.clear()
            raise

    def listed(self, kind: str) -> list[Record]:
        return copy.deepcopy(list(self.every(kind)))

    def stamp(self) -> str:
        """Wall time with the company's offset, to the second. Source: Intuit docs, MetaData."""
        zone = ZoneInfo(self.settings.time_zone)
        return datetime.fromtimestamp(self.clock.civil(), zone).isoformat(timespec="seconds")

    def answered_at(self) -> str:
        """The `time` of an answer: Pacific, to the millisecond."""
        return datetime.fromtimestamp(self.clock.civil(), PACIFIC).isoformat(timespec="milliseconds")

    def today(self) -> str:
        """The default of TxnDate: the server's day, which is Pacific. Source: Intuit docs, TxnDate."""
        return datetime.fromtimestamp(self.clock.civil(), PACIFIC).date().isoformat()

    def nanos(self) -> str:
        moment = datetime.fromtimestamp(self.clock.civil(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{self.rng.randrange(1000):03d}Z"

    def check_open(self, *days: str | None) -> None:
        """Raises 6210 for a day in a closed period. Source: Intuit docs, AccountingInfoPrefs.BookCloseDate."""
        closed = self.settings.book_close_date
        if closed and any(day and date.fromisoformat(day) <= date.fromisoformat(closed) for day in days):
            raise problems.period_closed()

    def _new_id(self, kind: str) -> str:
        """Ids are strings of digits whose order says nothing. Source: Intuit's notice of 2025-11 on sorting."""
        while True:
            id_ = str(self.rng.randrange(100, 10_000_000))
            if id_ not in self.of(kind) and (kind, id_) not in self.gone:
                return id_
