"""Sends a platform's webhooks: signed, retried on its schedule, now and then twice and out of order."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from crossdock.sandbox.clock import SandboxClock

AT_ONCE: Final = 20
"""Deliveries under way at the same time."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One notification. `id` is what a receiver tells a repeat by; `headers` do not yet hold the signature.

    `lane`: where the platform holds later notifications back until the first is acknowledged, the lane (an
    account) that this one waits in; empty where it does not. `numbered` makes the body of attempt 1, 2, …
    on platforms that count attempts in it.
    """

    id: str
    body: bytes
    headers: Mapping[str, str]
    lane: str = ""
    numbered: Callable[[int], bytes] | None = None


Sign = Callable[[Webhook, str, float], Mapping[str, str]]
"""(webhook, target URL, wall time of this attempt) → headers to add. Called anew for each attempt."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where webhooks go and how badly. `duplicates`: share sent a second time under the same id, 0 to 1.

    `shuffle_s`: each webhook waits up to this many simulated seconds, so that neighbours overtake.
    """

    url: str
    duplicates: float = 0.0
    shuffle_s: float = 0.0


class WebhookSender:
    """Delivers what simulators queue, from the handlers, without making them wait.

    `schedule_s`: simulated seconds to wait after each failed attempt (no 2xx within `timeout_s` real ones);
    when they are used up the webhook is given up. Without a target nothing is queued, as without a
    subscription.
    """

    def __init__(
        self,
        sign: Sign,
        schedule_s: Sequence[float],
        timeout_s: float,
        rng: random.Random,
        clock: SandboxClock,
    ) -> None:
        self._sign = sign
        self._schedule_s = schedule_s
        self._timeout_s = timeout_s
        self._rng = rng
        self.clock = clock
        self._lanes: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._counts: Counter[str] = Counter()
        self.target: Target | None = None

    def queue(self, webhook: Webhook, url: str | None = None) -> None:
        """To the target, or to `url`, a subscription of its own, as badly as to the target.

        Must be called with an event loop running, unless there is neither.
        """
        target = self.target if url is None else replace(self.target or Target(url), url=url)
        if target is None:
            return
        self._start(webhook, target)
        if self._rng.random() < target.duplicates:
            self._counts["duplicates"] += 1
            self._start(webhook, target)

    def stats(self) -> dict[str, int]:
        """`sent`: acknowledged, repeats included; `duplicates`: queued repeats; `failed`: attempts, no 2xx."""
        names = ("sent", "duplicates", "attempts", "failed", "given_up")
        return {**{name: self._counts[name] for name in names}, "pending": len(self._tasks)}

    async def drain(self) -> None:
        """Returns when nothing is pending: acknowledged or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session:
            await self._session.close()
            self._session = None

    def _start(self, webhook: Webhook, target: Target) -> None:
        wait_s = self._rng.uniform(0, target.shuffle_s)
        task = asyncio.get_running_loop().create_task(self._deliver(webhook, target, wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, webhook: Webhook, target: Target, wait_s: float) -> None:
        if wait_s:
            await asyncio.sleep(self.clock.real_s(wait_s))
        if webhook.lane:
            async with self._lanes.setdefault(webhook.lane, asyncio.Lock()):
                await self._attempts(webhook, target)
        else:
            await self._attempts(webhook, target)

    async def _attempts(self, webhook: Webhook, target: Target) -> None:
        for number, wait_s in enumerate((*self._schedule_s, None)):
            if number and webhook.numbered is not None:
                webhook = replace(webhook, body=webhook.numbered(number))
            async with self._at_once:
                acknowledged = await self._attempt(webhook, target)
            if acknowledged:
                self._counts["sent"] += 1
                return
            self._counts["failed"] += 1
            if wait_s is not None:
                await asyncio.sleep(self.clock.real_s(wait_s))
        self._counts["given_up"] += 1

    async def _attempt(self, webhook: Webhook, target: Target) -> bool:
        self._counts["attempts"] += 1
        headers = {**webhook.headers, **self._sign(webhook, target.url, self.clock.civil())}
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        try:
            async with self._session.post(
                target.url,
                data=webhook.body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                allow_redirects=False,
            ) as answer:
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def target_from(data: Mapping[str, Any]) -> Target:
    """What the admin posts: {"url", "duplicates"?, "shuffle_s"?}. Raises ValueError."""
    unknown = set(data) - {"url", "duplicates", "shuffle_s"}
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]!r}; there are url, duplicates, shuffle_s")
    url = data.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ValueError("url: an http or https URL is needed")
    duplicates, shuffle_s = float(data.get("duplicates", 0)), float(data.get("shuffle_s", 0))
    if not 0 <= duplicates <= 1:
        raise ValueError("duplicates: a share from 0 to 1 is needed")
    if not 0 <= shuffle_s <= 86_400:
        raise ValueError("shuffle_s: simulated seconds from 0 to 86400 are needed")
    return Target(url, duplicates, shuffle_s)
