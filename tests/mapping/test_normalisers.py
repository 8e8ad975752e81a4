"""Phone numbers, countries, instants and text: one spelling for one thing, or a refusal."""

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.mapping.normalisers.country import country, country_codes
from crossdock.mapping.normalisers.phone import phone
from crossdock.mapping.normalisers.text import cut, decode, text_clean, text_line
from crossdock.mapping.normalisers.time import date_in, day, day_add, instant
from crossdock.mapping.normalisers.unreadable import Unreadable
from crossdock.models.bundle import shared_definitions

NOTHING = [None, "", "   "]


@pytest.mark.parametrize(
    ("written", "place", "number"),
    [
        ("(514) 555-0100", "CA", "+15145550100"),
        ("514.555.0100", "Canada", "+15145550100"),
        ("+1 514 555 0100", None, "+15145550100"),
        ("+1 514 555 0100", "DE", "+15145550100"),
        ("030 901820", "DE", "+4930901820"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("0044 20 7946 0018", "FR", "+442079460018"),
        ("020 7946 0018 ext. 5", "GB", "+442079460018"),
    ],
)
def test_a_phone_number_becomes_e164(written, place, number):
    assert phone(written, place) == number


@pytest.mark.parametrize(
    ("written", "place"),
    [("514 555 0100", None), ("12", "CA"), ("call me", "CA"), ("5" * 40, "CA"), (5145550100, "CA"), ("x" * 1000, "CA")],
)
def test_a_phone_number_that_is_none_is_refused(written, place):
    with pytest.raises(Unreadable):
        phone(written, place)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("CA", "CA"), ("ca", "CA"), (" can ", "CA"), ("Canada", "CA"), ("CANADA", "CA"), ("UK", "GB"), ("EL", "GR"),
        ("United States of America", "US"), ("U.S.A.", "US"), ("Deutschland", "DE"), ("Österreich", "AT"),
        ("Osterreich", "AT"), ("Côte d’Ivoire", "CI"), ("Cote d'Ivoire", "CI"), ("Ivory Coast", "CI"),
        ("Korea (South)", "KR"),
        ("The Netherlands", "NL"),
        ("St. Lucia", "LC"), ("Saint Lucia", "LC"), ("Trinidad & Tobago", "TT"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"), ("日本", "JP"), ("XK", "XK"),
    ],
)  # fmt: skip
def test_a_country_is_known_by_all_its_names(written, code):
    assert country(written) == code


@pytest.mark.parametrize("written", ["ZZ", "Narnia", "x" * 1000, 12, ["CA"]])
def test_a_country_that_is_none_is_refused(written):
    with pytest.raises(Unreadable):
        country(written)


def test_a_misspelt_country_names_the_one_that_was_meant():
    with pytest.raises(Unreadable, match="DE"):
        country("Germeny")


def test_the_models_know_the_same_countries():
    assert shared_definitions()["country"]["enum"] == sorted(country_codes())


@pytest.mark.parametrize(
    ("written", "zone", "at"),
    [
        ("2026-11-03T14:12:43Z", None, "2026-11-03T14:12:43Z"),
        ("2026-11-03T09:12:43-05:00", None, "2026-11-03T14:12:43Z"),
        ("2026-11-03t09:12:43-0500", None, "2026-11-03T14:12:43Z"),
        ("2026-11-03 14:12:43 +00", None, "2026-11-03T14:12:43Z"),
        ("2026-11-03T14:12Z", None, "2026-11-03T14:12:00Z"),
        ("2026-11-03T14:13:07.034359333Z", None, "2026-11-03T14:13:07.034359333Z"),
        ("2026-11-03T14:13:07.120Z", None, "2026-11-03T14:13:07.12Z"),
        ("2026-11-03T14:13:07.000Z", None, "2026-11-03T14:13:07Z"),
        ("2026-11-03T09:12:43", "America/Toronto", "2026-11-03T14:12:43Z"),
        ("2026-07-03T09:12:43", "America/Toronto", "2026-07-03T13:12:43Z"),
        ("2026-11-03T09:12:43Z", "America/Toronto", "2026-11-03T09:12:43Z"),
        ("2026-11-03", "America/Toronto", "2026-11-03T05:00:00Z"),
        ("2026-11-01T01:30:00", "America/Toronto", "2026-11-01T05:30:00Z"),  # twice that night: the first
        ("2026-03-08T02:30:00", "America/Toronto", "2026-03-08T07:30:00Z"),  # never that night: as 03:30
        (1793715164, None, "2026-11-03T14:12:44Z"),
        (1793715164123, None, "2026-11-03T14:12:44.123Z"),
        ("1793715164123", None, "2026-11-03T14:12:44.123Z"),
        (Decimal("1793715164.5"), None, "2026-11-03T14:12:44.5Z"),
        (0, None, "1970-01-01T00:00:00Z"),
        (-1, None, "1969-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59Z", None, "9999-12-31T23:59:59Z"),
    ],
)
def test_an_instant_becomes_utc(written, zone, at):
    assert instant(written, zone) == at


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("2026-11-03T09:12:43", None), ("2026-11-03", None), ("2026-02-30T00:00:00Z", None),
        ("2026-11-03T25:00:00Z", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("0000-01-01T00:00:00Z", None), ("2026-11-03T09:12:43+99:00", None),
        ("yesterday", None), ("20261103", "UTC"), ("2026-11-03", "Not/AZone"), ("2026-11-03", "../../etc/passwd"),
        ("2026-11-03", ""), ("2026-11-03", 5), (10**20, None), (Decimal("NaN"), None), (Decimal("1e999999"), None),
        (True, None), ([], None), ("9" * 5000, None), ("2026-11-03T09:12:43٣", "UTC"),
    ],
)  # fmt: skip
def test_an_instant_that_is_not_certain_is_refused(written, zone):
    with pytest.raises(Unreadable):
        instant(written, zone)


def test_a_misspelt_zone_names_the_one_that_was_meant():
    with pytest.raises(Unreadable, match="America/Toronto"):
        instant("2026-11-03", "America/Torronto")


def test_the_day_of_an_instant_depends_on_the_zone():
    assert date_in("2026-11-04T03:00:00Z", "America/Toronto") == "2026-11-03"
    assert date_in("2026-11-04T03:00:00Z", "UTC") == "2026-11-04"
    with pytest.raises(Unreadable):
        date_in("2026-11-04", "UTC")
    with pytest.raises(Unreadable):
        date_in("9999-12-31T23:59:59Z", "Asia/Tokyo")


def test_a_day_is_read_in_the_order_that_is_said():
    assert day("2026-11-03") == day("3.11.2026", "dmy") == day("11/03/2026", "mdy") == "2026-11-03"
    for written, order in [
        ("3.11.26", "dmy"),
        ("2026-02-30", "ymd"),
        ("2026-13-01", "ymd"),
        ("x", "ymd"),
        ("1", "dym"),
    ]:
        with pytest.raises(Unreadable):
            day(written, order)


def test_days_are_added_over_months_and_leap_years():
    assert day_add("2028-02-28", 2) == "2028-03-01"
    assert day_add("2026-01-01", -1) == "2025-12-31"
    for days in (Decimal("1.5"), "3", True, 10**9):
        with pytest.raises(Unreadable):
            day_add("2026-01-01", days)


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize(
    "read",
    [phone, country, instant, day, text_clean, text_line, lambda text: date_in(text, "UTC"), lambda t: day_add(t, 1)],
)
def test_what_says_nothing_stays_nothing(read, nothing):
    assert read(nothing) is None


def test_text_is_composed_and_free_of_what_cannot_be_seen():
    assert text_clean("  Cafe\u0301\r\nbar\x00\x1b[31m\u202e\ufeff ") == "Café\nbar[31m"
    assert text_clean("tab\tstays") == "tab\tstays"
    assert text_clean("\u200b\x07") is None
    assert text_clean("lone \ud83d half") == "lone  half"
    assert text_clean("👩\u200d💻") == "👩\u200d💻"
    assert text_line("Ada\n\t Byron ") == "Ada Byron"
    with pytest.raises(Unreadable):
        text_clean(5)


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("Mug", 3, "Mug"),
        ("Mug", 2, "Mu"),
        ("Mug x4", 4, "Mug"),
        ("e\u0301e\u0301", 3, "e\u0301"),
        ("a😀", 2, "a"),
        ("a😀", 3, "a😀"),
        ("a👩\u200d💻", 5, "a"),
        ("a👍🏽", 3, "a"),
        ("🇨🇦🇫🇷", 6, "🇨🇦"),
        ("🇨🇦🇫🇷", 4, "🇨🇦"),
        ("❤\ufe0f", 1, ""),
        ("x", 0, ""),
    ],
)
def test_text_is_cut_between_letters_as_people_see_them(text, length, kept):
    assert cut(text, length) == kept


@given(st.text(max_size=40), st.integers(0, 40))
def test_a_cut_is_never_too_long_and_a_start_of_the_text(text, length):
    kept = cut(text, length)
    assert len(kept.encode("utf-16-le", "surrogatepass")) <= 2 * length
    assert text.startswith(kept)


@given(st.text(max_size=40))
def test_cleaning_twice_is_cleaning_once(text):
    once = text_clean(text)
    assert text_clean(once) == once
    assert once is None or unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Café".encode(), None, "Café"),
        (b"\xef\xbb\xbfCaf\xc3\xa9", None, "Café"),
        ("Café".encode("utf-16"), None, "Café"),
        ("Café".encode("utf-32"), "iso-8859-1", "Café"),
        (b"\xef\xbb\xbfCaf\xc3\xa9", "iso-8859-1", "Café"),
        (b"Caf\xe9", "iso-8859-1", "Café"),
        (b"Caf\xe9 \x80", '"windows-1252"', "Café €"),
        (b"\x93\xfa\x96{", "Shift_JIS", "日本"),
    ],
)
def test_bytes_are_decoded_by_mark_then_charset_then_utf8(data, charset, text):
    assert decode(data, charset) == text


@pytest.mark.parametrize(
    ("data", "charset"),
    [(b"Caf\xe9", None), (b"ok", "hex"), (b"ok", "utf-7"), (b"ok", "nonsense"),
     (b"ok", "a\0b"), (b"\xd8", "utf-16-le"), (b"ok", "idna")],
)  # fmt: skip
def test_bytes_that_are_not_what_they_say_are_refused(data, charset):
    with pytest.raises(Unreadable):
        decode(data, charset)


def test_a_wrong_byte_is_told_with_its_position_in_the_whole():
    with pytest.raises(Unreadable, match="byte 6"):
        decode(b"\xef\xbb\xbfCaf\xe9")
