"""A project to spoil: every test writes the files that it is about over a small one that is well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from crossdock.project import Checked, check_project

WELL = {
    "crossdock.yaml": "name: trial\n",
    "connections/in.yaml": """\
connector: http
settings:
  webhook: {signature: {scheme: hmac-sha256-hex, header: X-Signature}}
maps:
  deal: deal.jq
""",
    "connections/out.yaml": """\
connector: http
settings:
  base_url: https://api.example.com
  actions:
    put_deal: {model: deal, input: deal, path: /deals, idempotency_header: Idempotency-Key}
    send: {path: /anything}
""",
    "flows/deals.yaml": """\
on: [deal.created]
to: out
action: put_deal
""",
    "maps/deal.jq": '{model: "deal", verb: "created", id: .id, version: "", data: {name: .name, stage: "won"}}\n',
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str | bytes | None]], Path]:
    """Writes the well project with these files in place of, or beside, its own; None leaves one out."""

    def _write(files: Mapping[str, str | bytes | None]) -> Path:
        for name, text in {**WELL, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path

    return _write


@pytest.fixture
def check(write: Callable[[Mapping[str, str | bytes | None]], Path]) -> Callable[..., Checked]:
    def _check(files: Mapping[str, str | bytes | None], environment: str = "production") -> Checked:
        return check_project(write(files), environment)

    return _check
