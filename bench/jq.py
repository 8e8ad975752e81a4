"""How fast maps run: hand-written Python, this project's jq, the libjq binding, the jq command, JMESPath.

    python bench/jq.py [--seconds N] [--json]

Three maps (bench/maps/), each at 1.5 kB and 8 kB of input; what the hand-written one gives is checked to be what ours
gives, and libjq's within the digits of a double. From dict to dict, in process CPU time, in turns, each contender
against the others of the same turn. The jq command reads and writes JSON lines; so do we beside it, exact numbers and
all: `times_faster_than_command` compares those two, a document's share, without the start of the process.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.append(sys.path.pop(0))  # this file is called jq; the binding is meant by that name

import jmespath
from maps import log_to_transfer, order_to_invoice, segments_to_resource

import jq as libjq
from crossdock import jq

MAPS = (order_to_invoice, segments_to_resource, log_to_transfer)
SIZES_BYTES = (1500, 8000)
TURN_S = 0.02
"""How long each contender runs in a turn."""
DOCUMENTS = 2000
"""How many the command is given; half of them are also timed alone, so that its start does not count."""


def sized(map_: ModuleType, size_bytes: int) -> dict[str, Any]:
    """The smallest sample of at least this size as JSON."""
    lines = 1
    while len(json.dumps(map_.sample(lines))) < size_bytes:
        lines += 1
    sample: dict[str, Any] = map_.sample(lines)
    return sample


def alike(ours: Any, theirs: Any) -> bool:
    """Equal, numbers within the digits of a double."""
    if isinstance(ours, dict):
        return (
            isinstance(theirs, dict) and ours.keys() == theirs.keys() and all(alike(ours[k], theirs[k]) for k in ours)
        )
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if ours is None or isinstance(ours, (str, bool)):
        return bool(ours == theirs)
    return math.isclose(float(ours), float(theirs), rel_tol=1e-12)


def seconds_each(run: Callable[[], Any], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times


def in_turns(contenders: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """CPU seconds of one run of each contender, turn by turn."""
    times = {name: max(1, int(TURN_S / seconds_each(run, 5))) for name, run in contenders.items()}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(taken["by_hand"]) < 3:
        for name, run in contenders.items():
            taken[name].append(seconds_each(run, times[name]))
    return taken


def ratio(taken: dict[str, list[float]], slower: str, faster: str) -> float:
    return statistics.median(a / b for a, b in zip(taken[slower], taken[faster], strict=True))


def command_seconds(program: str, text: str) -> float | None:
    """CPU seconds that the jq command needs for one document; None where it is not installed."""
    if shutil.which("jq") is None:
        return None

    def spent(documents: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        lines = f"{text}\n" * documents
        subprocess.run(["jq", "-c", program], input=lines, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return statistics.median((spent(DOCUMENTS) - spent(DOCUMENTS // 2)) / (DOCUMENTS // 2) for _ in range(3))


def measure(map_: ModuleType, size_bytes: int, seconds: float) -> dict[str, Any]:
    source = Path(str(map_.__file__)).with_suffix(".jq").read_text("utf-8")
    text = json.dumps(sized(map_, size_bytes))
    ours, theirs = jq.compile(source, name=f"{map_.__name__}.jq"), libjq.compile(source)
    path = jmespath.compile(map_.JMESPATH)
    exact, plain, raw = jq.loads(text), json.loads(text), text.encode()

    if ours.first(exact) != map_.by_hand(exact):
        raise SystemExit(f"{map_.__name__}: the hand-written map and ours differ")
    if not alike(ours.first(exact), theirs.input_value(plain).first()):
        raise SystemExit(f"{map_.__name__}: libjq and ours differ")

    taken = in_turns(
        {
            "by_hand": lambda: map_.by_hand(exact),
            "ours": lambda: ours.first(exact),
            "libjq": lambda: theirs.input_value(plain).first(),
            "jmespath": lambda: path.search(plain),
            "ours_text": lambda: jq.dumps(ours.first(jq.loads(raw))),
        },
        seconds,
    )
    command = command_seconds(source, text)
    return {
        "map": map_.__name__.rpartition(".")[2],
        "bytes": len(text),
        **{f"{name}_us": round(statistics.median(found) * 1e6, 1) for name, found in taken.items()},
        "command_us": command and round(command * 1e6, 1),
        "times_hand_written": round(ratio(taken, "ours", "by_hand"), 2),
        "times_faster_than_libjq": round(ratio(taken, "libjq", "ours"), 2),
        "times_faster_than_jmespath": round(ratio(taken, "jmespath", "ours"), 2),
        "times_faster_than_command": command and round(command / statistics.median(taken["ours_text"]), 2),
    }


def medians(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in rows[0] if name.startswith("times_")]
    found = {name: [row[name] for row in rows if row[name] is not None] for name in names}
    return {name: round(statistics.median(values), 2) if values else None for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each map and size")
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    rows = []
    for map_ in MAPS:
        for size_bytes in SIZES_BYTES:
            rows.append(row := measure(map_, size_bytes, options.seconds))
            if not options.json:
                print("  ".join(f"{name} {value}" for name, value in row.items()))
    figures = medians(rows)
    if figures["times_faster_than_command"] is None and not options.json:
        print("the jq command is not installed here: left out")
    print(json.dumps({**figures, "maps": rows}))


if __name__ == "__main__":
    main()
