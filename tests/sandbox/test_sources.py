"""A simulator's rules are a platform's, so each module that holds some says where they were found."""

import re
from pathlib import Path

import pytest

from crossdock import sandbox

FOLDER = Path(sandbox.__file__).parent
OWN = {
    "hubspot": {"__init__"},
    "quickbooks": {"__init__", "seeding"},
    "shopify": {"__init__", "books", "cast", "cost", "money", "trade"},
}
"""Modules without a rule of the platform's, and two whose first sentence says that they were fitted to recordings."""
MODULES = [path for name, own in OWN.items() for path in sorted((FOLDER / name).glob("*.py")) if path.stem not in own]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_module_of_rules_cites_its_facts(path: Path) -> None:
    assert re.search(r"\bSources?: \w", path.read_text())
