"""The tables of docs/project.md, from the models: what is documented is what is read.

`python -m crossdock.project.reference docs/project.md` brings the page up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from crossdock.project.case_files import CasePart
from crossdock.project.duration import Duration, shown
from crossdock.project.explain import branches, written
from crossdock.project.files import ConnectionFile, Environment, FlowFile, HubFile

PAGES: Mapping[str, type[BaseModel]] = {
    "crossdock.yaml": HubFile,
    "an environment": Environment,
    "connections": ConnectionFile,
    "flows": FlowFile,
    "cases": CasePart,
}
_SECTION = re.compile(r"(<!-- keys of ([\w. ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_SECONDS = Duration.__metadata__[0]  # type: ignore[attr-defined]


def filled(page: str) -> str:
    """The page with its tables made anew. Raises KeyError for a section of nothing known."""
    return _SECTION.sub(lambda found: f"{found[1]}{_table(PAGES[found[2]])}{found[3]}", page)


def _table(model: type[BaseModel]) -> str:
    rows = "".join(f"| `{key}` | {default} | {what} |\n" for key, default, what in _rows(model, ""))
    return f"\n| key | left out | what it is |\n|---|---|---|\n{rows}\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield key, _default(field), _what(field)
        if prefix.count(".") > 3:
            continue
        for branch in branches(field.annotation):
            if isinstance(branch, type) and issubclass(branch, BaseModel) and branch not in PAGES.values():
                yield from _rows(branch, f"{key}.")
            elif get_origin(branch) in (dict, tuple):
                kind = get_args(branch)[1 if get_origin(branch) is dict else 0]
                inner = "NAME" if get_origin(branch) is dict else "N"
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from _rows(kind, f"{key}.{inner}.")


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "**needed**"
    if value in (None, "", (), {}) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float) and _SECONDS in field.metadata:
        return f"`{shown(value)}`"
    return f"`{value}`"


def _what(field: FieldInfo) -> str:
    words = [
        choice for branch in branches(field.annotation) if get_origin(branch) is Literal for choice in get_args(branch)
    ]
    listed = f" One of {', '.join(f'`{word}`' for word in words)}." if len(words) > 1 else ""
    text = (field.description or "").rstrip(".")
    example = f" For example `{written(field.examples[0])}`." if field.examples else ""
    return f"{text}.{listed}{example}".replace("|", "\\|").strip()


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
