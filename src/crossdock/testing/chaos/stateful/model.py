"""What must be: a line of deliveries for each flow and key, and what their destination has been told.

The model knows each request that a destination has not answered yet, and what became of the others. It knows no store,
no lease and no time but one: "later", which comes when somebody waits.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from crossdock.core.states import SETTLED, DeliveryState

D = DeliveryState
Told = tuple[str, int, str]
"""(value, generation, state)"""
MOST = 3
"""attempts of a flow"""
HOW = ("ok", "unheard", "lost", "busy", "unreachable", "refused")
"""What may become of a request: done; done, but the answer is lost; lost on its way, and nobody knows; not now; no
connection, so that it surely did not happen; refused."""


@dataclass
class Row:
    """One delivery."""

    value: str
    place: int
    generation: int = 0
    state: DeliveryState = D.WAITING
    due: bool = True
    """it goes on at its turn; else later"""
    doubt: bool = False
    """its last request may have happened, as far as the hub knows"""
    happened: bool = False
    """in truth"""
    made_of: int = -1
    """the revision whose request happened"""
    revision: int = 0
    attempts: int = 0
    changes: bool = False
    """it was found, and is written over"""
    missed: bool = False
    """it was looked for in vain, and sent again"""
    alone: bool = False
    """all is done but for a look whether it is there twice"""

    @property
    def open(self) -> bool:
        return self.state not in SETTLED


@dataclass
class Line:
    """One key of one flow: `native`, `lookup` or `none`, by the class of its effects."""

    flow: str
    key: str
    rows: list[Row] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """effects, in order"""
    linked: bool = False

    @property
    def stands(self) -> list[Told]:
        rows = sorted(self.rows, key=lambda row: (row.place, row.generation))
        return [(row.value, row.generation, str(row.state)) for row in rows]

    # --- turns --------------------------------------------------------------------------------------------------

    @property
    def asked(self) -> Row | None:
        """Whose request is at the destination."""
        return next((row for row in self.rows if row.state is D.SENDING), None)

    @property
    def head(self) -> Row | None:
        return min((row for row in self.rows if row.open), key=lambda row: (row.place, row.generation), default=None)

    def kind(self, row: Row) -> str:
        return "change" if self.flow == "lookup" and (self.linked or row.changes) else "make"

    def go_on(self) -> None:
        """As far as it goes without an answer, a person or time."""
        while self.asked is None and (row := self.head) is not None and row.due and row.state not in {D.HELD, D.DEAD}:
            if row.state is D.RESOLVING:
                self._resolve(row)
            else:
                row.state = D.SENDING

    def _resolve(self, row: Row) -> None:
        if row.alone:
            row.state, self.linked = D.DELIVERED, True
        elif self.flow == "none":
            row.state = D.HELD
        elif self.flow == "lookup" and row.happened:
            row.state, row.changes = D.RETRYING, True
            row.doubt = row.missed = False
            row.revision += 1
            self.linked = True
        else:
            row.missed = self.flow == "lookup"
            row.state = D.SENDING

    def later(self) -> None:
        for row in self.rows:
            row.due = True
        self.go_on()

    # --- answers ------------------------------------------------------------------------------------------------

    def lands(self, row: Row) -> None:
        """Its request is carried out; a key that was used already changes nothing."""
        if not (self.flow == "native" and row.made_of == row.revision):
            self.told.append(row.value)
        row.happened, row.made_of = True, row.revision

    def lands_now(self) -> None:
        if (row := self.asked) is not None:
            self.lands(row)

    def may(self, row: Row, how: str) -> bool:
        """A platform that has done what a key names does not refuse it afterwards."""
        return how != "refused" or self.flow != "native" or row.made_of != row.revision

    def answer(self, how: str) -> None:
        row = self.asked
        assert row is not None
        if how in {"ok", "unheard"}:
            self.lands(row)
        row.due = False
        match how:
            case "ok":
                row.doubt = False
                row.alone = row.missed
                row.state = D.RESOLVING if row.alone else D.DELIVERED
                self.linked = self.linked or not row.alone
            case "refused":
                row.state, row.doubt = D.DEAD, False
            case "busy":
                row.state = D.RESOLVING if row.doubt else D.RETRYING
            case "unreachable":
                row.attempts += 1
                row.state = D.RESOLVING if row.doubt else D.RETRYING
                if row.attempts >= MOST:
                    row.state = D.HELD if row.doubt else D.DEAD
            case _:
                row.attempts += 1
                row.doubt = True
                row.state = D.HELD if self.flow == "none" or row.attempts > MOST else D.RESOLVING
        self.go_on()

    # --- the hub's lives ----------------------------------------------------------------------------------------

    def dies(self, *, lands: bool) -> None:
        """And begins again. What it had asked for may have happened: in truth it did, or did not."""
        row = self.asked
        if row is not None:
            if lands:
                self.lands(row)
            row.state, row.doubt, row.due = D.RESOLVING, True, self.flow != "lookup"
        self.go_on()

    def asks(self, row: Row) -> bool:
        asked = self.asked
        return asked is not None and (asked.value, asked.generation) == (row.value, row.generation)

    def after_death(self, *, lands: bool = False, unasked: bool = False) -> Line:
        """What may be then; `unasked`: its last request was not even intended."""
        line = copy.deepcopy(self)
        if unasked and (row := line.asked) is not None:
            row.state = D.WAITING
            line.go_on()
        else:
            line.dies(lands=lands)
        return line

    # --- a person -----------------------------------------------------------------------------------------------

    def again(self, row: Row) -> None:
        """A dead one goes again, with new bytes."""
        row.state, row.due, row.attempts, row.revision = D.WAITING, True, 0, row.revision + 1
        row.missed = row.changes = False
        self.go_on()

    def resend(self, row: Row) -> None:
        row.state, row.due, row.attempts, row.doubt = D.WAITING, True, 0, False
        self.go_on()

    def adopt(self, row: Row) -> None:
        row.state, self.linked = D.DELIVERED, True
        self.go_on()

    def discard(self, row: Row) -> None:
        row.state = D.DISCARDED
        self.go_on()

    def perform_again(self, row: Row) -> None:
        self.rows.append(Row(row.value, row.place, row.generation + 1))
        self.go_on()


Name = tuple[str, str]
"""(flow, key)"""


@dataclass
class Model:
    flows: tuple[str, ...]
    lines: dict[Name, list[Line]] = field(default_factory=dict)
    """more than one where a death left open which it is: what the hub does next tells"""
    messages: dict[str, str] = field(default_factory=dict)
    """value → key, of those that the hub remembers"""
    conflicts: int = 0
    said: int = 0

    def message(self, key: str) -> str:
        """A new one; its value."""
        self.said += 1
        value = f"{key}.{self.said}"
        self.messages[value] = key
        for flow in self.flows:
            for line in self.lines.setdefault((flow, key), [Line(flow, key)]):
                line.rows.append(Row(value, self.said))
                line.go_on()
        return value

    def every(self) -> Iterator[Line]:
        for lines in self.lines.values():
            yield from lines

    def rows(self, *states: DeliveryState) -> list[tuple[Name, Row]]:
        return [(name, row) for name, (line, *_) in self.lines.items() for row in line.rows if row.state in states]

    def does(self, name: Name, row: Row, what: Callable[[Line, Row], None]) -> None:
        """A person, to this delivery."""
        for line in self.lines[name]:
            for one in line.rows:
                if (one.value, one.generation) == (row.value, row.generation):
                    what(line, one)
                    break

    def expire(self) -> None:
        """What is settled at every flow is forgotten; what a destination was told stays."""
        self.messages.clear()
        unsettled = {row.place for line in self.every() for row in line.rows if row.open}
        for line in self.every():
            line.rows = [row for row in line.rows if row.place in unsettled]

    def died(self, before: Model, *, lands: bool, answered: Name | None = None) -> None:
        """The hub died while a step was under way. Of each line, all of the step was durable, and the request that it
        led to came there, or did not, or was not even intended; or nothing was. `answered`: in `before`, what this line
        had asked for happened already, or did not: it was answered."""
        for name, lines in self.lines.items():
            was = before.lines.get(name, [])
            options = [after.after_death(lands=lands) for after in lines]
            for after in lines:
                if (asked := after.asked) is not None and not any(line.asks(asked) for line in was):
                    options += [after.after_death(), after.after_death(unasked=True)]
            options += [line.after_death(lands=lands and name != answered) for line in was]
            self.lines[name] = options

    def saw(self, name: Name, there: list[Told], told: list[str]) -> bool:
        """Keeps of the line what agrees with what is there; whether anything does."""
        fit: list[Line] = []
        for line in self.lines[name]:
            if line not in fit and line.stands == there and line.told == told:
                fit.append(line)
        self.lines[name] = fit or self.lines[name]
        return bool(fit)
