"""Cross-references: one entity, one record, and one creator at a time."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from crossdock.core.store import Store
from crossdock.core.work import Claim, Committed, CrossReferenceAbsent, Link, Release, Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit, refuse


class References:
    async def _all(self, store: Store) -> list[CrossReference]:
        return list(await store.cross_references(account="books", model="invoice"))

    async def test_of_64_creators_one_claims(self, store: Store) -> None:
        works = [
            Work(
                f"w{number}",
                guards=(CrossReferenceAbsent("books", "invoice", "order:1"),),
                cross_references=(Claim(a.claimed(effect_id=f"effect-{number}")),),
            )
            for number in range(64)
        ]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        winners = [work for work, answer in zip(works, answers, strict=True) if isinstance(answer, Committed)]
        assert len(winners) == 1
        (row,) = await self._all(store)
        assert row.effect_id == f"effect-{winners[0].id[1:]}"

    async def test_all_that_was_claimed_by_then_is_known_whatever_is_linked(self, store: Store) -> None:
        early = [replace(a.claimed(f"order:{n}", f"effect-{n}"), updated_at=5.0) for n in range(1200)]
        late = replace(a.claimed("order:late", "effect-late"), updated_at=6.0)
        elsewhere = replace(a.claimed("order:else", "effect-else"), account="till")
        await commit(store, "w1", cross_references=tuple(Claim(row) for row in (*early, late, elsewhere)))
        await commit(store, "w2", cross_references=(Link(a.linked("order:7", effect_id="effect-7")),))
        assert set(await store.claimed_keys("books", "invoice", 5.0)) == {row.key for row in early} - {"order:7"}
        assert "order:late" in await store.claimed_keys("books", "invoice", 6.0)

    async def test_a_claim_over_the_claim_of_another_is_refused_without_any_guard(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Claim(a.claimed()),))
        refused = await refuse(store, "w2", cross_references=(Claim(a.claimed(effect_id="effect-2")),))
        assert "effect-1" in refused.found
        assert await self._all(store) == [a.claimed()]

    async def test_a_creator_may_claim_again(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Claim(a.claimed()),))
        await commit(store, "w2", cross_references=(Claim(a.claimed(fingerprint="new")),))
        assert await self._all(store) == [a.claimed(fingerprint="new")]

    async def test_a_claim_over_a_link_keeps_the_link_and_takes_the_fingerprint(self, store: Store) -> None:
        link = a.linked(version="v3", fingerprint="old", effect_id="effect-0")
        await commit(store, "w1", cross_references=(Link(link),))
        await commit(store, "w2", cross_references=(Claim(a.claimed(fingerprint="new", trail="shop")),))
        (row,) = await self._all(store)
        assert (row.state, row.remote_id, row.version) == (LinkState.LINKED, "77", "v3")
        assert (row.fingerprint, row.effect_id, row.trail) == ("new", "effect-1", "shop")

    async def test_a_link_is_read_back_as_it_was_by_key_and_by_remote_id(self, store: Store) -> None:
        link = a.linked(version="v3", fingerprint="fp", effect_id="e", trail="shop,books")
        await commit(store, "w1", cross_references=(Claim(a.claimed()),))
        await commit(store, "w2", cross_references=(Link(link),))
        by_key = await store.cross_references(account="books", model="invoice", keys=["order:1", "none"])
        by_remote = await store.cross_references(account="books", model="invoice", remote_ids=["77", "none"])
        assert list(by_key) == list(by_remote) == [link]
        assert list(await store.cross_references(account="other", model="invoice", keys=["order:1"])) == []

    async def test_a_record_belongs_to_one_entity(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Link(a.linked()),))
        twice = Link(a.linked(key="order:2"))
        refused = await refuse(store, "w2", cross_references=(twice,))
        assert refused.guard == twice
        assert "order:1" in refused.found
        assert await self._all(store) == [a.linked()]

    async def test_the_same_remote_id_in_another_account_or_model_is_another_record(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Link(a.linked()),))
        await commit(store, "w2", cross_references=(Link(replace(a.linked(key="b"), account="leads")),))
        await commit(store, "w3", cross_references=(Link(replace(a.linked(key="c"), model="payment")),))

    async def test_of_64_entities_that_want_one_record_one_gets_it(self, store: Store) -> None:
        works = [Work(f"w{n}", cross_references=(Link(a.linked(key=f"order:{n}")),)) for n in range(64)]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        assert sum(isinstance(answer, Committed) for answer in answers) == 1
        assert len(await self._all(store)) == 1

    async def test_a_new_record_of_an_entity_sets_the_old_one_free(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Link(a.linked()),))
        await commit(store, "w2", cross_references=(Link(a.linked(remote_id="78")),))
        await commit(store, "w3", cross_references=(Link(a.linked(key="order:2")),))
        assert {row.key: row.remote_id for row in await self._all(store)} == {"order:1": "78", "order:2": "77"}

    async def test_a_record_passes_from_one_entity_to_another_in_one_work(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Link(a.linked()), Link(a.linked("order:2", "78"))))
        moved = replace(a.linked(remote_id=""), state=LinkState.MOVED, moved_to="order:2")
        await commit(store, "w2", cross_references=(Link(moved), Link(a.linked("order:2", "77"))))
        assert await self._all(store) == [moved, a.linked("order:2", "77")]

    async def test_many_claims_may_lack_a_remote_id(self, store: Store) -> None:
        claims = tuple(Claim(a.claimed(key=f"order:{n}")) for n in range(5))
        await commit(store, "w", cross_references=claims)
        assert len(await self._all(store)) == 5

    async def test_release_drops_a_claim_and_the_next_creator_may_go(self, store: Store) -> None:
        await commit(store, "w1", cross_references=(Claim(a.claimed()),))
        await commit(store, "w2", cross_references=(Release("books", "invoice", "order:1", "effect-1"),))
        assert await self._all(store) == []
        await commit(store, "w3", cross_references=(Claim(a.claimed(effect_id="effect-2")),))

    async def test_release_drops_neither_a_link_nor_the_claim_of_another(self, store: Store) -> None:
        await commit(
            store, "w1", cross_references=(Claim(a.claimed()), Link(a.linked("order:2", effect_id="effect-1")))
        )
        others = Release("books", "invoice", "order:1", "effect-2")
        linked = Release("books", "invoice", "order:2", "effect-1")
        await commit(store, "w2", cross_references=(others, linked, Release("books", "invoice", "none", "e")))
        assert [row.key for row in await self._all(store)] == ["order:1", "order:2"]

    async def test_an_entity_is_found_in_every_account(self, store: Store) -> None:
        elsewhere = replace(a.linked(), account="leads", model="deal")
        await commit(store, "w", cross_references=(Link(a.linked()), Link(elsewhere), Link(a.linked("order:2", "78"))))
        assert list(await store.cross_references(keys=["order:1"])) == [a.linked(), elsewhere]
        assert len(await store.cross_references(limit=2)) == 2
