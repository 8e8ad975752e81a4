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
from typing import Any, Literal

from crossdock.mapping.normalisers.unreadable import Unreadable, shown

RULES = ("error", "passthrough", "value")
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


def _key(table: str, key: object) -> str | None:
    if key is None or isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if isinstance(key, Decimal) and key.is_finite() and key.adjusted() < LONGEST_NUMBER and key == int(key):
        return str(int(key))
    raise Unreadable(f'table "{table}": a key is text or a whole number, not {shown(key)}')
