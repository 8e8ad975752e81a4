from __future__ import annotations

import phonenumbers

from crossdock.mapping.normalisers.country import country as read_country
from crossdock.mapping.normalisers.unreadable import Unreadable, shown


def phone(text: object, country: object = None) -> str | None:
    """E.164 (`+15145550100`) from a number as people write it; null and blank stay null.

    `country` (a name or code) is where a number without `+` is from. Numbers of a length that the country has not are
    unreadable. An extension is left out: E.164 has none.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    if not isinstance(text, str) or len(text) > 100:
        raise Unreadable(f"{shown(text)} is no phone number")
    try:
        number = phonenumbers.parse(text, read_country(country))
    except phonenumbers.NumberParseException as error:
        hint = " without a country" if error.error_type == error.INVALID_COUNTRY_CODE and not country else ""
        raise Unreadable(f"{shown(text)} cannot be read as a phone number{hint}") from None
    if not phonenumbers.is_possible_number(number):
        raise Unreadable(f"{shown(text)} is too short or too long for a phone number of +{number.country_code}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
