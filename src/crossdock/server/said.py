"""What an act was told, read strictly: what is missing or of the wrong kind is the mistake of who says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.core.errors import UsageError


class Said:
    """A JSON object. Each reader raises UsageError."""

    def __init__(self, act: str, said: object) -> None:
        if not isinstance(said, Mapping):
            raise UsageError("an act is told as a JSON object")
        self._act = act
        self._said: Mapping[str, Any] = said

    def text(self, name: str, default: str | None = None) -> str:
        value = self._said.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def texts(self, name: str) -> Sequence[str]:
        value = self._said.get(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(name, "a list of texts")
        return value

    def named_texts(self, name: str) -> Mapping[str, str]:
        value = self._said.get(name)
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise self._wrong(name, "an object of texts")
        return value

    def flag(self, name: str) -> bool:
        """False when it is not there."""
        value = self._said.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def _wrong(self, name: str, wanted: str) -> UsageError:
        if name not in self._said:
            return UsageError(f"the act {self._act} lacks {name!r}")
        return UsageError(f"the act {self._act}: {name!r} is not {wanted}")
