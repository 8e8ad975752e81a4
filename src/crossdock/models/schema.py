"""A JSON Schema made ready to judge instances: of a canonical model, or of an action's own input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import jsonschema_rs

from crossdock.core.errors import CrossdockError
from crossdock.models.canonical import without_nulls
from crossdock.models.fields import Fields, fields_of
from crossdock.models.violation import Violation, explain

TOLD = 20
"""violations that one instance is told at most"""


class SchemaError(CrossdockError):
    """The schema itself is wrong. `path` leads to the place in it."""

    def __init__(self, what: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(what)
        self.path = tuple(path)


class Schema:
    """Judges JSON values: numbers may be int, Decimal or float. Immutable, safe to share.

    `source` is JSON Schema 2020-12 with local `$ref`s only; patterns run in linear time, formats count, nothing is ever
    fetched. Raises SchemaError.
    """

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.source = source
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                dict(source),
                validate_formats=True,
                offline=True,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except jsonschema_rs.ValidationError as error:
            raise SchemaError(error.message, error.instance_path) from None

    def validate(self, data: Any) -> list[Violation]:
        """What is wrong with `data`; [] = it is valid. A null member says the same as an absent one."""
        try:
            if self._validator.is_valid(data):
                return []
            data = without_nulls(data)
            found = [
                violation
                for error in islice(self._validator.iter_errors(data), TOLD)
                for violation in explain(error, self.source)
            ]
        except RecursionError:
            return [Violation("", "is nested too deeply")]
        except ValueError as error:  # the validator's word for a value that JSON has not: a date, a tuple key
            return [Violation("", f"is not a JSON value: {error}")]
        return sorted(found[:TOLD], key=lambda violation: violation.path)

    def problems(self, value: Any) -> Sequence[str]:
        """As `validate`, each violation as one line."""
        return [str(violation) for violation in self.validate(value)]

    def fields(self) -> Fields:
        """Every path an instance may have, with what the schema says of it."""
        return self._fields

    def classification(self, path: str) -> frozenset[str]:
        """`personal`, `financial`: every class of what is found at `path`, inherited from above or held below."""
        return self._fields.classification(path)

    @cached_property
    def _fields(self) -> Fields:
        return fields_of(self.source)
