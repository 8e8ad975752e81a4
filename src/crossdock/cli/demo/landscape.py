"""The project that the demo plays with: the template `shop`, in its sandbox environment, led to the simulators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from crossdock.cli.demo.desk import Desk
from crossdock.project.templates import write_template

ENVIRONMENT: Final = "sandbox"
TEMPLATE: Final = "shop"
TIMEOUT: Final = "2s"
"""For an answer, of every connection and flow: the platforms answer within milliseconds, or not at all."""
RETRY: Final = {"attempts": 30, "first_delay": "200ms", "max_delay": "5s"}
"""Of every flow. As patient as the template in tries, and less so in time, because time goes faster in the demo."""


def write_project(folder: Path, desks: Mapping[str, Desk], *, port: int, time_scale: float) -> None:
    """Raises UsageError where the folder holds a project already."""
    write_template(TEMPLATE, folder)
    yaml = YAML()
    hub = folder / "crossdock.yaml"
    document = yaml.load(hub)
    document.setdefault("environments", {})[ENVIRONMENT] = {
        "listen": {"port": port},
        "egress": {"allow": [urlsplit(desk.url).netloc for desk in desks.values()]},
        "connections": _connections(desks, time_scale),
    }
    yaml.dump(document, hub)
    for file in sorted((folder / "connections").glob("*.yaml")):
        connection = yaml.load(file)
        connection["timeout"] = TIMEOUT
        yaml.dump(connection, file)
    for file in sorted((folder / "flows").glob("*.yaml")):
        flow = yaml.load(file)
        flow["timeout"] = TIMEOUT
        flow["retry"] = dict(RETRY)
        yaml.dump(flow, file)


def _connections(desks: Mapping[str, Desk], time_scale: float) -> dict[str, Any]:
    """What a person would write in crossdock.yaml: where the platforms are, and what they are told about Joanna."""
    shopify, quickbooks, hubspot = desks["shopify"], desks["quickbooks"], desks["hubspot"]
    return {
        "shopify": {"settings": {"shop": shopify.credentials["shop"], "base_url": shopify.url}},
        "quickbooks": {
            "settings": {
                "base_url": quickbooks.url,
                "requests_per_minute": round(500 * time_scale),
            }
        },
        "hubspot": {
            "settings": {
                "portal": hubspot.credentials["portal_id"],
                "base_url": hubspot.url,
                "requests_per_10_s": round(100 * time_scale),
            }
        },
    }
