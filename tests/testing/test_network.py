"""Networks of runs at the same time share no address."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from crossdock.testing.chaos import network
from crossdock.testing.chaos.network import NOBODYS, Network, free_subnets


def test_runs_whose_numbers_are_far_apart_or_side_by_side_choose_others() -> None:
    chosen = [subnet for run in (1000, 1001, 1064, 1128) for subnet in free_subnets(3, run, ())]
    assert len(set(chosen)) == 12
    assert all(subnet.subnet_of(NOBODYS) for subnet in chosen)


def test_what_is_taken_is_passed_over_at_the_end_too() -> None:
    subnets = list(NOBODYS.subnets(new_prefix=24))
    last, first, second = subnets[-1], subnets[0], subnets[1]
    assert free_subnets(1, len(subnets) - 1, [IPv4Address("192.0.2.1")]) == [last]
    assert free_subnets(1, len(subnets) - 1, [last[254]]) == [first]
    assert free_subnets(1, len(subnets) - 1, [last[254], first[1]]) == [second]
    assert free_subnets(2, len(subnets) // 2 - 1, [last[1]]) == [subnets[-2], first]


def test_two_networks_that_would_choose_the_same_addresses_do_not(
    needs: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(network.lacks())
    monkeypatch.setattr(os, "getpid", lambda: 1000)
    with Network(("one", "two")) as first:
        monkeypatch.setattr(os, "getpid", lambda: 1000 + 2**22)
        with Network(("one", "two")) as second:
            machines = [net.machine("m") for net in (first, second)]
            addresses = [
                *first.address.values(),
                *second.address.values(),
                *machines[0].values(),
                *machines[1].values(),
            ]
            assert len(set(addresses)) == 8
