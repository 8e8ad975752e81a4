"""What each entity takes: names, lengths, types. An unknown name is refused, a read-only one is dropped.

Source: Intuit docs, API reference of each entity, and the published V3 schemas (lengths where a docstring gives
no other source). A value that is null or an empty string means "none", which clears the field in an update.
Quoted numbers and unquoted ids are taken, as the API takes them from its client libraries.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

from crossdock.sandbox.quickbooks import problems

NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
LARGEST: Final = Decimal(10) ** 11
"""So that a product of two still has its cents within 28 digits."""


class Spec(Protocol):
    def clean(self, value: Any, path: str) -> Any:
        """The value as it is kept. Raises FaultError, naming `path`."""


@dataclass(frozen=True, slots=True)
class Text:
    maximum: int = 4000
    choices: tuple[str, ...] = ()

    def clean(self, value: Any, path: str) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise problems.unknown_property(path, "must be a string")
        if len(value) > self.maximum:
            raise problems.wrong_length(path, self.maximum, len(value))
        if self.choices and value not in self.choices:
            raise problems.invalid_enumeration(path, value)
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """`places`: more decimals than this are refused, where QuickBooks would round without a word."""

    places: int

    def clean(self, value: Any, path: str) -> Decimal:
        if isinstance(value, str) and NUMBER.fullmatch(value):
            value = Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise problems.unknown_property(path, "must be a number")
        number = Decimal(value)
        if abs(number) >= LARGEST:
            raise problems.unknown_property(path, "is too large a number")
        rounded = number.quantize(Decimal(1).scaleb(-self.places))
        if rounded != number:
            raise problems.business(f"{path} takes at most {self.places} decimals, not {number}", path)
        return rounded if self.places <= 2 else number


@dataclass(frozen=True, slots=True)
class Flag:
    def clean(self, value: Any, path: str) -> bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return bool(value == "true")
        raise problems.unknown_property(path, "must be true or false")


@dataclass(frozen=True, slots=True)
class Day:
    def clean(self, value: Any, path: str) -> str:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        raise problems.unknown_property(path, "must be a date, YYYY-MM-DD")


@dataclass(frozen=True, slots=True)
class Email:
    """Several addresses may be given, with commas between them. Source: Intuit docs, Customer."""

    maximum: int = 100

    def clean(self, value: Any, path: str) -> str:
        text = Text(self.maximum).clean(value, path)
        for address in text.split(","):
            if not re.fullmatch(r"[^\s@,]+@[^\s@,]+\.[^\s@,.]+", address.strip()):
                raise problems.invalid_email(path)
        return text


@dataclass(frozen=True, slots=True)
class Group:
    fields: Mapping[str, Spec]

    def clean(self, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise problems.unknown_property(path, "must be an object")
        given = clean_fields(self.fields, value, path)
        return {name: item for name, item in given.items() if item is not None}


@dataclass(frozen=True, slots=True)
class Many:
    of: Spec

    def clean(self, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise problems.unknown_property(path, "must be an array")
        return [self.of.clean(item, path) for item in value]


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """Sent back by clients that echo what they read; ignored."""

    def clean(self, value: Any, path: str) -> None:
        return None


def clean_fields(fields: Mapping[str, Spec], body: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The writable fields of `body`; None stands for a field that is to be cleared. Raises FaultError."""
    cleaned: dict[str, Any] = {}
    for name, value in body.items():
        where = f"{path}.{name}" if path else name
        if name not in fields:
            raise problems.unknown_property(where)
        spec = fields[name]
        if isinstance(spec, ReadOnly):
            continue
        cleaned[name] = None if value is None or value == "" else spec.clean(value, where)
    return cleaned


READ_ONLY: Final = ReadOnly()
MONEY: Final = Number(2)
RATE: Final = Number(7)
REF: Final = Group({"value": Text(50), "name": Text(1000), "type": Text(100)})
LINKED: Final = Many(Group({"TxnId": Text(50), "TxnType": Text(50), "TxnLineId": Text(50)}))
CUSTOM_FIELDS: Final = Many(
    Group(
        {
            "DefinitionId": Text(1, ("1", "2", "3")),
            "Name": Text(30),
            "Type": Text(choices=("StringType",)),
            "StringValue": Text(31),
        }
    )
)
ADDRESS: Final = Group(
    {
        "Id": READ_ONLY,
        **{f"Line{number}": Text(500) for number in range(1, 6)},
        "City": Text(255),
        "CountrySubDivisionCode": Text(255),
        "PostalCode": Text(30),
        "Country": Text(255),
        "CountryCode": Text(255),
        "Lat": Text(50),
        "Long": Text(50),
        "Note": Text(1000),
    }
)
PHONE: Final = Group({"FreeFormNumber": Text(30)})
EMAIL: Final = Group({"Address": Email()})
COMMON: Final[Mapping[str, Spec]] = dict.fromkeys(
    ("Id", "SyncToken", "MetaData", "domain", "sparse", "status"), READ_ONLY
)
