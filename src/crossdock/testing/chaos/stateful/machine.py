"""The steps, in any order, and what is compared after each. Hypothesis draws them, and finds the shortest that fail."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.reporting import with_reporter
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from crossdock.core.errors import UsageError
from crossdock.core.states import DeliveryState
from crossdock.core.store import Store
from crossdock.engine.audit import audit
from crossdock.engine.supervise import Hub
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.simulate import REAL_ONLY
from crossdock.testing.chaos.stateful.hub import FLOWS, LATER_S, DrivenHub, Ground, OnPostgres, OnSqlite
from crossdock.testing.chaos.stateful.model import HOW, Line, Model, Name, Row, Told
from crossdock.testing.services import Postgres

D = DeliveryState
STEPS = 50
MOST_TROUBLES = 3
"""in a row at one destination: one more, and the hub would leave it alone for a while"""
FRESH_S = 31.0
"""A token that ends sooner after its renewal is a person's."""
POINTS = (
    *("ingest.read", "ingest.inserted", "ingest.committed", "map.done", "events.committed", "plan.committed"),
    *("intent.committed", "send.mid_body", "response.read", "send.done", "outcome.committed", "xref.written"),
    *("retry.scheduled", "dlq.moved", "dedupe.hit", "replay.generation", "token.answered", "token.persisted"),
)
assert not REAL_ONLY & set(POINTS)
pick = st.integers(0, 15)
keys = st.sampled_from("abc")


class Wrong(AssertionError):
    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind


class Steps(RuleBasedStateMachine):
    ground: ClassVar[Ground]
    total: ClassVar[Ledger]

    def __init__(self) -> None:
        super().__init__()
        self.hub = DrivenHub(self.ground)
        self.model = Model(FLOWS)
        self.doomed: bool | None = None
        """the hub is to die at a point; then what it has asked for happens, or does not"""
        self.bodies: dict[str, dict[str, Any]] = {}

    # --- what comes in ------------------------------------------------------------------------------------------

    @rule(key=keys)
    def ingest(self, key: str) -> None:
        before = copy.deepcopy(self.model)
        value = self.model.message(key)
        self.bodies[value] = {"topic": "thing", "id": value, "about": key, "verb": "updated", "value": value}
        self._send(self.bodies[value], before)

    @precondition(lambda self: self.model.messages)
    @rule(which=pick)
    def duplicate(self, which: int) -> None:
        self._send(self.bodies[self._remembered(which)], self.model)

    @precondition(lambda self: self.model.messages)
    @rule(which=pick)
    def conflict(self, which: int) -> None:
        self.model.conflicts += 1
        self._send({**self.bodies[self._remembered(which)], "value": f"other {self.model.conflicts}"}, self.model)

    def _remembered(self, which: int) -> str:
        values = list(self.model.messages)
        return values[which % len(values)]

    def _send(self, body: dict[str, Any], before: Model) -> None:
        """Until it is accepted."""
        statuses: list[int] = []

        async def post(hub: Hub) -> None:
            statuses.append(await self.hub.post(hub, body))

        died = False
        while not statuses:
            died |= bool(self.hub.step(post, lands=bool(self.doomed)))
        if died:
            self._reconcile(before)
        if statuses != [200]:
            raise Wrong("lost", f"a sender was answered {statuses}")

    # --- what goes out ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.hub.bench.waiting)
    @rule(which=pick, how=st.sampled_from(HOW))
    def outcome(self, which: int, how: str) -> None:
        bench = self.hub.bench
        waiting = sorted(bench.waiting, key=lambda asked: (asked.host, asked.key))
        asked = waiting[which % len(waiting)]
        name = (asked.host, asked.key)
        lines = self.model.lines[name]
        possible = all(line.may(row, how) for line in lines if (row := line.asked) is not None)
        if not possible or (how != "ok" and bench.troubles[asked.host] >= MOST_TROUBLES):
            how = "ok"
        before = copy.deepcopy(self.model)
        if how in {"ok", "unheard"}:
            for line in before.lines[name]:
                line.lands_now()
        for line in lines:
            line.answer(how)

        async def answer(_: Hub) -> None:
            bench.answers(asked, how)

        self._step(answer, before, answered=name)

    @rule()
    def later(self) -> None:
        before = copy.deepcopy(self.model)
        for line in self.model.every():
            line.later()

        async def nothing(_: Hub) -> None: ...

        self._step(nothing, before, seconds=LATER_S)

    @precondition(lambda self: self.hub.now() - self.hub.bench.renewed_at > FRESH_S)
    @rule()
    def rotate(self) -> None:
        """The token ends before its time: whoever is turned away gets another, and nobody notices."""
        self.hub.bench.end_token()

    # --- the hub's lives ----------------------------------------------------------------------------------------

    @rule(lands=st.booleans())
    def crash(self, lands: bool) -> None:
        for line in self.model.every():
            line.dies(lands=lands)
        self.hub.dies(lands=lands)
        self.doomed = None

    @precondition(lambda self: self.doomed is None)
    @rule(point=st.sampled_from(POINTS), passage=st.integers(1, 2), lands=st.booleans())
    def doom(self, point: str, passage: int, lands: bool) -> None:
        """The next step that comes to the point ends there."""
        self.hub.life.doom(point, passage)
        self.doomed = lands

    # --- a person -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.rows(D.DEAD))
    @rule(which=pick)
    def retry(self, which: int) -> None:
        self._act(which, (D.DEAD,), Line.again, lambda hub, row: self.hub.operator(hub).retry(row))

    @precondition(lambda self: self._resendable())
    @rule(which=pick)
    def resend(self, which: int) -> None:
        self._person(self._resendable(), which, Line.resend, lambda hub, row: self.hub.operator(hub).resend(row))

    def _resendable(self) -> list[tuple[Name, Row]]:
        """Who finds the record adopts it."""
        return [(name, row) for name, row in self.model.rows(D.HELD) if name[0] != "lookup" or not row.happened]

    @precondition(lambda self: self.model.rows(D.HELD))
    @rule(which=pick)
    def adopt(self, which: int) -> None:
        async def adopt(hub: Hub, row: Any) -> None:
            names = [name for name, one in self.hub.bench.records.items() if one["key"] == row.key]
            await self.hub.operator(hub).adopt(row, names[-1] if row.flow == "lookup" and names else f"own-{row.id}")

        self._act(which, (D.HELD,), Line.adopt, adopt)

    @precondition(lambda self: self.model.rows(D.HELD, D.DEAD))
    @rule(which=pick)
    def discard(self, which: int) -> None:
        """Of a head or not: the rest goes on."""
        self._act(which, (D.HELD, D.DEAD), Line.discard, lambda hub, row: self.hub.operator(hub).discard(row))

    @precondition(lambda self: self._repeatable())
    @rule(which=pick)
    def perform_again(self, which: int) -> None:
        async def perform_again(hub: Hub, row: Any) -> None:
            await self.hub.operator(hub).perform_again(row)

        self._person(self._repeatable(), which, Line.perform_again, perform_again)

    def _repeatable(self) -> list[tuple[Name, Row]]:
        return [
            (name, row)
            for name, row in self.model.rows(D.DELIVERED)
            if (row.value, row.generation + 1) not in [one[:2] for one in self.model.lines[name][0].stands]
        ]

    @rule(flow=st.sampled_from(FLOWS))
    def rewind(self, flow: str) -> None:
        """Nothing comes of it."""
        self._step(lambda hub: hub.rewind(flow, "a person"), self.model)

    @rule()
    def expire(self) -> None:
        self.model.expire()
        self.hub.ask(self.hub.expire())

    @precondition(lambda self: self.model.rows(D.HELD))
    @rule(which=pick)
    def retry_what_may_have_happened(self, which: int) -> None:
        """Is refused."""
        held = [(name, row) for name, row in self.model.rows(D.HELD) if row.doubt]
        if held:
            self._person(held, which, lambda *_: None, self._refused)

    async def _refused(self, hub: Hub, row: Any) -> None:
        try:
            await self.hub.operator(hub).retry(row)
        except UsageError:
            return
        raise Wrong("doubled", f"{row.flow}: what may have happened was retried")

    def _act(
        self,
        which: int,
        states: tuple[DeliveryState, ...],
        model: Callable[[Line, Row], None],
        act: Callable[[Hub, Any], Coroutine[Any, Any, Any]],
    ) -> None:
        self._person(self.model.rows(*states), which, model, act)

    def _person(
        self,
        rows: list[tuple[Name, Row]],
        which: int,
        model: Callable[[Line, Row], None],
        act: Callable[[Hub, Any], Coroutine[Any, Any, Any]],
    ) -> None:
        name, row = rows[which % len(rows)]
        known = self.hub.ask(self.hub.rows())
        (there,) = [
            one for one, value in known
            if (one.flow, value, one.generation) == (name[0], row.value, row.generation)
        ]  # fmt: skip
        before = copy.deepcopy(self.model)
        self.model.does(name, row, model)

        async def work(hub: Hub) -> None:
            await act(hub, there)
            await hub.moved(there.flow, there.partitionkey)

        self._step(work, before)

    # --- after each step ----------------------------------------------------------------------------------------

    def _step(
        self,
        work: Callable[[Hub], Coroutine[Any, Any, Any]],
        before: Model,
        *,
        seconds: float | None = None,
        answered: tuple[str, str] | None = None,
    ) -> None:
        more = {} if seconds is None else {"seconds": seconds}
        if self.hub.step(work, lands=bool(self.doomed), **more):
            self._reconcile(before, answered)

    def _reconcile(self, before: Model, answered: tuple[str, str] | None = None) -> None:
        """The hub died meanwhile: what may be, and is, is what must be from here on."""
        self.model.died(before, lands=bool(self.doomed), answered=answered)
        self.doomed = None

    def _there(self) -> dict[tuple[str, str], list[Told]]:
        found: dict[tuple[str, str], list[tuple[int, Told]]] = {}
        for row, value in self.hub.ask(self.hub.rows()):
            name = (row.flow, row.key.removeprefix("in:"))
            found.setdefault(name, []).append((row.number, (value, row.generation, str(row.state))))
        return {name: [told for _, told in sorted(rows)] for name, rows in found.items()}

    @invariant()
    def everything_is_as_it_must_be(self) -> None:
        there, bench = self._there(), self.hub.bench
        for name in self.model.lines:
            if not self.model.saw(name, there.get(name, []), bench.told.get(name, [])):
                _compare(name, self.model.lines[name][0].stands, there.get(name, []))
                _compare_effects(name, self.model.lines[name][0].told, bench.told.get(name, []))
        asked = Counter((one.host, one.key, one.value, one.kind) for one in bench.waiting)
        wanted = Counter(
            (line.flow, line.key, row.value, line.kind(row))
            for line, *_ in self.model.lines.values()
            if (row := line.asked) is not None
        )
        if asked != wanted:
            raise Wrong("doubled" if asked - wanted else "lost", f"asked for: {_list(asked)}; not: {_list(wanted)}")
        if bench.changed:
            raise Wrong("changed", f"a key came with other bytes, for {bench.changed}")
        self.hub.ask(_books(self.hub.store, self.model.conflicts))

    def teardown(self) -> None:
        total = self.total
        total.trials += 1
        total.accepted += self.model.said
        total.kills += self.hub.kills
        total.effects += sum(map(len, self.hub.bench.told.values()))
        total.held += sum(flow == "none" for (flow, _), _ in self.model.rows(D.HELD))
        self.hub.close()


def _compare(name: tuple[str, str], wanted: list[Told], there: list[Told]) -> None:
    if wanted == there:
        return
    kind = "stuck"
    if len(there) != len(wanted):
        kind = "lost" if len(there) < len(wanted) else "doubled"
    raise Wrong(kind, f"{'/'.join(name)}: must be {wanted}, is {there}")


def _compare_effects(name: tuple[str, str], wanted: list[str], there: list[str]) -> None:
    if wanted == there:
        return
    more, less = Counter(there) - Counter(wanted), Counter(wanted) - Counter(there)
    kind = "doubled" if more else "lost" if less else "inversions"
    raise Wrong(kind, f"{'/'.join(name)}: must have been told {wanted}, was told {there}")


def _list(asked: Counter[tuple[str, str, str, str]]) -> str:
    return ", ".join("/".join(one) for one in sorted(asked.elements())) or "nothing"


async def _books(store: Store, conflicts: int) -> None:
    for one in await audit(store):
        if not one.agrees:
            raise Wrong("silent", f"{one.scope}: {one.what}: {one.counted} counted, {one.found} found")
    tallies = await store.tallies()
    kept = tallies.get(("message", "in", "quarantined"), 0)
    if kept != conflicts:
        raise Wrong("silent", f"{conflicts} messages came again with other content, {kept} are in quarantine")
    if tallies.get(("message", "in", "received")):
        raise Wrong("stuck", "a message is not read")


# --- runs -------------------------------------------------------------------------------------------------------------


def on_sqlite(seed: int, examples: int = 25, *, shrink: bool = True) -> Ledger:
    """So many machines, each of up to STEPS steps; the same seed draws the same steps."""
    return _run(OnSqlite(), seed, examples, shrink)


def on_postgres(seed: int, examples: int = 10, *, shrink: bool = True) -> Ledger:
    with Postgres() as server:
        return _run(OnPostgres(server.url), seed, examples, shrink)


def _run(ground: Ground, seed: int, examples: int, shrink: bool) -> Ledger:
    ledger = Ledger()
    machine = hypothesis.seed(seed)(type("Steps", (Steps,), {"ground": ground, "total": ledger}))
    how = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    said: list[object] = []
    try:
        with with_reporter(said.append), _closing(ground):
            run_state_machine_as_test(machine, settings=how)
    except Wrong as wrong:
        notes = [*said, *getattr(wrong, "__notes__", [])]
        ledger.find(wrong.kind, f"{str(wrong).partition(': ')[2]}\n" + "\n".join(map(str, notes)))
    return ledger


@contextmanager
def _closing(ground: Ground) -> Iterator[None]:
    try:
        yield
    finally:
        ground.close()
