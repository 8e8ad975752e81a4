"""The least that a durable queue on PostgreSQL does for an event, in bare asyncpg: insert it, claim it, complete it."""

from __future__ import annotations

import asyncio
import time

import asyncpg

AT_ONCE = 16
"""connections"""
TABLE = """
DROP TABLE IF EXISTS bare_cycle;
CREATE TABLE bare_cycle (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL, state text NOT NULL, answer bytea
);
CREATE INDEX bare_cycle_waiting ON bare_cycle (id) WHERE state = 'waiting';
"""
INSERT = "INSERT INTO bare_cycle (body, state) SELECT body, 'waiting' FROM unnest($1::bytea[]) AS body"
CLAIM = (
    "UPDATE bare_cycle SET state = 'sending' WHERE id IN (SELECT id FROM bare_cycle WHERE state = 'waiting'"
    " ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
COMPLETE = "UPDATE bare_cycle SET state = 'done', answer = $2 WHERE id = ANY($1::bigint[])"


async def bare_cycle(url: str, body: bytes, seconds: float, at_a_time: int) -> float:
    """Events/s, each step a commit of its own for `at_a_time` events."""
    pool = await asyncpg.create_pool(url, min_size=AT_ONCE, max_size=AT_ONCE)
    await pool.execute(TABLE)
    ends_at, done = time.perf_counter() + seconds, 0

    async def work() -> None:
        nonlocal done
        async with pool.acquire() as connection:
            while time.perf_counter() < ends_at:
                await connection.execute(INSERT, [body] * at_a_time)
                claimed = [row[0] for row in await connection.fetch(CLAIM, at_a_time)]
                await connection.execute(COMPLETE, claimed, b'{"id":"1"}')
                done += len(claimed)

    started_at = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    took_s = time.perf_counter() - started_at
    await pool.execute("DROP TABLE bare_cycle")
    await pool.close()
    return done / took_s
