"""Each campaign, briefly, and the command that runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from crossdock.testing.chaos.campaigns import CAMPAIGNS
from crossdock.testing.chaos.command import NAMED, run
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
    assert list(said)[: len(NAMED)] == list(NAMED)
    assert said["accepted"] > 0
    assert said["kills_of_processes"] == 0, "its hubs were simulated"


def test_a_trial_that_goes_wrong_tells_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(seed: int) -> Ledger:
        ledger = Ledger(trials=1)
        ledger.find("lost", f"number {seed}")
        return ledger

    monkeypatch.setitem(CAMPAIGNS, "F18", replace(CAMPAIGNS["F18"], trial=wrong))
    assert run(["--campaign", "F18", "--seed", "7", "--json"]) == 1
    told = capsys.readouterr()
    assert "number 7   again: python3 dev.py chaos --campaign F18 --seed 7" in told.err
    assert json.loads(told.out)["lost"] == 1


@pytest.mark.timeout(60)
def test_a_run_that_is_interrupted_says_what_it_found_until_then(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "crossdock.testing.chaos", "--campaign", "F4,F18", "--minutes", "60", "--json"]
    with (tmp_path / "told").open("wb") as told:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told)
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(5.0)
        finally:
            process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    said = json.loads(out)
    assert process.returncode == 130
    assert said["interrupted"]
    assert list(said["campaigns"]) == ["F4"]


def test_a_campaign_that_is_not_there_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--campaign", "F10"]) == 2
    assert "brokers" in capsys.readouterr().err
