"""How a bench tells its figures: one a line for people, then all of them as the last line."""

from __future__ import annotations

import json
from collections.abc import Mapping


def tell(figures: Mapping[str, object], *, only_json: bool) -> None:
    if not only_json:
        for name, value in figures.items():
            print(f"{name:>26}  {value}")
    print(json.dumps(figures))
