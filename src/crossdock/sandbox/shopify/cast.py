"""Who buys and what is for sale: names and titles chosen to be awkward for whoever has to store them elsewhere."""

import random
from typing import Any, Final

CUSTOMERS: Final = (
    ("Zoë", "O'Brien"),
    ("Anna", "Smith"),
    ("李", "小龍"),
    ("Anna", "Smith"),
    ("Jean-François", "Lefèvre"),
    ("Müller:", "Söhne GmbH"),
    ("Ahmed", "عبد الله"),
    ("Anna", "Smith"),
    ('Robert "Bobby"', "Tables'); DROP"),
    (
        "Maria de los Ángeles Guadalupe Inmaculada Concepción",
        "Fernández-Villanueva y Gutiérrez de la Sierra Madre del Sur",
    ),
    ("Cher", ""),
    ("Ðorđe", "Šćepanović"),
    ("Ana\u0308", "Ångström"),
    ("  Tom ", " Padded  "),
    ("Ingrid", "Nguyễn"),
    ("<b>Bold</b>", "& Sons"),
    ("🎈 Party", "Planet"),
    ("Sam", "Null"),
    ("Priya", "Venkataraman"),
    ("Olu", "Adébáyọ̀"),
)

PRODUCTS: Final[tuple[dict[str, Any], ...]] = (
    {"ref": "mug", "title": "Mug", "variants": [{"sku": "MUG-1", "price": "20.00"}]},
    {
        "ref": "shirt",
        "title": "T-Shirt: “Cross-dock”",
        "variants": [
            {"title": "S", "sku": "TS-S", "price": "29.95"},
            {"title": "M / bleu", "sku": "TS-M", "price": "29.95"},
            {"title": "XXL", "sku": "TS-XXL", "price": "32.45"},
        ],
    },
    {"ref": "coffee", "title": "Café crème — 250 g", "variants": [{"sku": "CAFÉ-250", "price": "13.37"}]},
    {"ref": "book", "title": "Book (tax free)", "variants": [{"sku": "BOOK", "price": "17.99", "taxable": False}]},
    {"ref": "sticker", "title": "Sticker", "variants": [{"sku": None, "price": "0.99"}]},
    {"ref": "tea", "title": "抹茶 Matcha", "variants": [{"sku": "TEA-1", "price": "24.49"}]},
    {"ref": "tea-twin", "title": "抹茶 Matcha", "variants": [{"sku": "TEA-1", "price": "25.01"}]},
    {"ref": "lamp", "title": 'Lamp 12" / 30 cm', "variants": [{"sku": "LAMP-12", "price": "149.50"}]},
    {"ref": "candle", "title": "Candle <3 & friends", "variants": [{"sku": "CND", "price": "7.35"}]},
    {
        "ref": "poster",
        "title": "Poster of a very long train that crosses the whole country " * 4 + "end",
        "variants": [{"sku": "POSTER", "price": "11.11"}],
    },
    {"ref": "gloves", "title": "Gloves", "variants": [{"sku": "GLV", "price": "34.90"}]},
    {"ref": "chair", "title": "Chair", "variants": [{"sku": "CHAIR", "price": "389.00"}]},
)

_TOWNS: Final = (
    ("Toronto", "Ontario", "ON", "M5H 2M9"),
    ("Montréal", "Quebec", "QC", "H2Y 1C6"),
    ("Saint-Louis-du-Ha! Ha!", "Quebec", "QC", "G0L 3S0"),
)


def address_in(rng: random.Random, first: str, last: str) -> dict[str, str | None]:
    city, province, code, postcode = rng.choice(_TOWNS)
    return {
        "first_name": first,
        "last_name": last,
        "company": None,
        "address1": f"{rng.randrange(1, 999)} Rue de l'Église",
        "address2": rng.choice((None, "Apt. #4")),
        "city": city,
        "province": province,
        "province_code": code,
        "zip": postcode,
        "country": "Canada",
        "country_code": "CA",
        "phone": None,
    }
