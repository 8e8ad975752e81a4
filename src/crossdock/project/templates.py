"""The projects that `crossdock init` begins with."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from crossdock.core.errors import UsageError
from crossdock.models.violation import nearest

TEMPLATES = {
    "blank": "a webhook of your own in, a REST API of your own out, one flow between them",
    "shop": "a Shopify shop into QuickBooks and HubSpot: customers, invoices, payments, refunds, deals",
}
"""name → what it is"""
HIDDEN = {"gitignore": ".gitignore"}
"""files that would be hidden here, too, if they bore their own name"""


def write_template(name: str, folder: Path) -> list[str]:
    """Writes the template's files into the folder, which is made if need be, and calls the hub after it. Returns their
    names. Raises UsageError where there is no such template, or where a file would be overwritten."""
    if name not in TEMPLATES:
        meant = nearest(name, TEMPLATES)
        hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(TEMPLATES)}"
        raise UsageError(f"there is no template {name!r}", hint=hint)
    texts = dict(_texts(files("crossdock.project").joinpath("templates", name), ""))
    if taken := [file for file in texts if (folder / file).exists()]:
        raise UsageError(f"{folder / taken[0]} is there already", hint="nothing was written; choose an empty folder")
    hub = _hub_name(folder)
    for file, text in texts.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("name: NAME\n", f"name: {hub}\n"), encoding="utf-8")
    return sorted(texts)


def _texts(place: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in sorted(place.iterdir(), key=lambda one: one.name):
        name = f"{prefix}{HIDDEN.get(each.name, each.name)}"
        found += _texts(each, f"{name}/") if each.is_dir() else [(name, each.read_text(encoding="utf-8"))]
    return found


def _hub_name(folder: Path) -> str:
    """The folder's name as a hub may be called."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    name = name if name[:1].isalpha() else f"hub-{name}"
    return name[:63].rstrip("-") or "hub"
