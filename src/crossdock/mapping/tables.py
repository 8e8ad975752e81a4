"""Reference tables: `lookup("tax_codes"; .code)`, from the CSV and YAML files of a project's `tables/`.

CSV: a header; the first column is the key, each once. With two columns a lookup answers the second one's text, with
more an object of the others by name. Lines before the header that start with `#` may give the rule for other keys.
```csv
# default: error
code,tax_code_id
HST,5
```
YAML: `values`, a mapping of text to any value, and the rule.
```yaml
default: {value: "7"}      # or passthrough, or error, which holds when nothing is said
values:
  HST: "5"
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from crossdock.core.errors import Problem, ProjectError
from crossdock.mapping.normalisers.unreadable import Unreadable, shown

RULES = ("error", "passthrough", "value")
LARGEST_BYTES = 16 * 1024 * 1024
LONGEST_NUMBER = 100
"""digits of a number that may be a key"""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    rows: Mapping[str, Any]
    default: Literal["error", "passthrough", "value"] = "error"
    """for a key that has no row: refuse, answer the key itself, or answer `value`"""
    value: Any = None

    def lookup(self, key: object) -> Any:
        """Raises Unreadable. Keys are text or whole numbers, and match exactly; null is a key without a row."""
        text = _key(self.name, key)
        if text is not None and text in self.rows:
            return self.rows[text]
        match self.default:
            case "value":
                return self.value
            case "passthrough":
                return key
            case "error":
                close = get_close_matches(text or "", self.rows, n=1, cutoff=0.8)
                meant = f'; did you mean "{close[0]}"?' if close else ""
                said = "no key was given" if text is None else f"it has no row {shown(text)}"
                raise Unreadable(f'table "{self.name}": {said}{meant}')


class Tables:
    """A project's tables by name."""

    def __init__(self, tables: Iterable[Table] = ()) -> None:
        self._tables = {table.name: table for table in tables}

    @property
    def names(self) -> list[str]:
        return sorted(self._tables)

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __getitem__(self, name: str) -> Table:
        return self._tables[name]

    def lookup(self, name: object, key: object) -> Any:
        """Raises Unreadable when there is no such table or the table's rule says so."""
        if isinstance(name, str) and name in self._tables:
            return self._tables[name].lookup(key)
        raise Unreadable(self.unknown(name))

    def unknown(self, name: object) -> str:
        """What to say about a table that is not there."""
        close = get_close_matches(str(name)[:60], self._tables, n=1)
        meant = f'; did you mean "{close[0]}"?' if close else ""
        return f"there is no table {shown(name)}{meant}"


def load_tables(folder: Path | None) -> Tables:
    """Every `*.csv`, `*.yaml` of the folder. Raises ProjectError with every problem of every file."""
    from crossdock.mapping.table_files import read_csv, read_yaml

    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
        read = {".csv": read_csv, ".yaml": read_yaml, ".yml": read_yaml}.get(path.suffix.lower())
        if read is None:
            continue
        name = f"{path.parent.name}/{path.name}"
        try:
            if path.stem in tables:
                raise ProjectError([Problem(name, 0, 0, f'there are two tables "{path.stem}"')])
            if path.stat().st_size > LARGEST_BYTES:
                raise ProjectError([Problem(name, 0, 0, f"larger than {LARGEST_BYTES >> 20} MiB")])
            tables[path.stem] = read(path.stem, name, path.read_bytes())
        except OSError as error:
            problems.append(Problem(name, 0, 0, f"cannot be read: {error.strerror}"))
        except ProjectError as error:
            problems += error.problems
    if problems:
        raise ProjectError(problems)
    return Tables(tables.values())


def _key(table: str, key: object) -> str | None:
    if key is None or isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if isinstance(key, Decimal) and key.is_finite() and key.adjusted() < LONGEST_NUMBER and key == int(key):
        return str(int(key))
    raise Unreadable(f'table "{table}": a key is text or a whole number, not {shown(key)}')
