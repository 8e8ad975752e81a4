"""Each campaign, briefly, and the command that runs them."""

from __future__ import annotations

import json

import pytest

from crossdock.testing.chaos.campaigns import CAMPAIGNS
from crossdock.testing.chaos.command import run
from crossdock.testing.chaos.ledger import Ledger

BRIEFLY = {"F7": 60, "F9": 30, "F13": 30, "F15": 40}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "trials"), BRIEFLY.items())
def test_a_campaign_finds_nothing(name: str, trials: int) -> None:
    total = Ledger()
    for seed in range(trials):
        total.add(CAMPAIGNS[name].trial(seed), f"python3 dev.py chaos --campaign {name} --seed {seed}: ")
    assert total.clean, "\n".join(total.findings)
    assert total.accepted


def test_the_command_ends_with_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--campaign", "F18", "--seed", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    named = {"kills", "accepted", "lost", "doubled", "inversions", "stuck", "silent", "held", "planted_caught"}
    assert named <= set(said)
    assert said["accepted"] > 0


def test_a_campaign_that_is_not_there_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--campaign", "F10"]) == 2
    assert "brokers" in capsys.readouterr().err
