"""Invents the life of a shop: who buys what, pays when, changes their mind and gets money back.

Seeded, so that the same seed tells the same story. Nothing is computed here: a trade only says what happens;
the shop does the sums.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from crossdock.sandbox.shopify.cast import CUSTOMERS, PRODUCTS, address_in

Change = dict[str, Any]

HST: Final = ({"title": "HST", "rate": "0.13"},)
QUEBEC: Final = ({"title": "GST", "rate": "0.05"}, {"title": "QST", "rate": "0.09975"})
TEN: Final = {"kind": "discount_code", "title": "TEN", "value": "10", "value_type": "percentage"}
FIVER: Final = {"kind": "discount_code", "title": "FIVER", "value": "5.00", "value_type": "fixed_amount"}
BUNDLE: Final = {"kind": "automatic", "title": "Bundle: 15 % off", "value": "15", "value_type": "percentage"}
FREE_SHIPPING: Final = {
    "kind": "automatic",
    "title": "Free shipping",
    "value": "100",
    "value_type": "percentage",
    "target": "shipping_line",
}
GOODWILL: Final = {"kind": "manual", "title": "Goodwill", "value": "3.33", "value_type": "fixed_amount"}


CHEAP: Final = frozenset({"sticker", "candle", "poster", "coffee"})
"""An order of these alone may be worth less than a few dollars."""


@dataclass(frozen=True)
class Step:
    """`change` happens `at_s` seconds after the shop opened: what the simulator's `perform` takes."""

    at_s: float
    change: Change


@dataclass(frozen=True)
class Trade:
    """`setup` is there before the shop opens; `steps` follow in order of time. Order n has the ref `order-n`."""

    setup: tuple[Change, ...]
    steps: tuple[Step, ...]


def trade(orders: int, seed: int, span_s: float = 3600.0) -> Trade:
    """A life with exactly `orders` orders, opened evenly over `span_s`; what follows them may come a little later.

    One in eight buyers checks out as a guest, half of those without an e-mail address. About a quarter of the
    orders pay later or never, an eighth are edited, a sixth are refunded and one in sixteen is cancelled.
    """
    rng = random.Random(f"trade:{seed}")  # noqa: S311 - a story, not a secret
    life = _Life(rng, span_s)
    products = [{"do": "create_product", **product} for product in PRODUCTS]
    known = max(2, orders // 4)
    customers = list(_customers(rng, max(4, orders // 2)))
    life.setup = [*products, *customers[:known]]
    for customer in customers[known:]:
        life.steps.append(Step(rng.uniform(0, span_s * 0.5), customer))
    for number in range(1, orders + 1):
        life.order(number, orders, customers, known)
    life.restless(customers[:known])
    return Trade(tuple(life.setup), tuple(sorted(life.steps, key=lambda step: step.at_s)))


def _customers(rng: random.Random, count: int) -> Iterator[Change]:
    """The cast first, then more people whose names repeat; one in fifteen leaves only a telephone number."""
    for number in range(count):
        first, last = CUSTOMERS[number] if number < len(CUSTOMERS) else rng.choice(CUSTOMERS)
        change: Change = {"do": "create_customer", "ref": f"customer-{number}", "first_name": first, "last_name": last}
        if number % 15 == 14:
            change["phone"] = f"+1514555{number:04d}"
        else:
            change["email"] = f"Buyer.{number}@Example.com" if number % 7 == 3 else f"buyer{number}@example.com"
        if number % 3:
            change["address"] = address_in(rng, first, last)
        yield change


class _Life:
    def __init__(self, rng: random.Random, span_s: float) -> None:
        self.rng = rng
        self.span_s = span_s
        self.setup: list[Change] = []
        self.steps: list[Step] = []

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def order(self, number: int, orders: int, customers: Sequence[Change], known: int) -> None:
        """One order and all that becomes of it."""
        at_s = self.span_s * (number - 0.5) / orders
        ref = f"order-{number}"
        lines = self._lines()
        pays = self.rng.choices(("at once", "later", "never"), (78, 17, 5))[0]
        who = self._buyer(at_s, customers, known)
        placed = [dict(line) for line in lines]
        if self.chance(0.12):
            self._annotate(at_s, ref)
        self._step(at_s, "place_order", ref=ref, lines=placed, paid=pays == "at once", **who, **self._terms(lines))
        if pays == "never":
            if self.chance(0.5):
                self._step(self._soon(at_s), "cancel_order", order=ref, reason="CUSTOMER")
            return
        if pays == "later":
            at_s = self._before_payment(at_s, ref, lines)
            self._step(at_s, "pay_order", order=ref, gateway=self.rng.choice(("manual", "bank_transfer")))
        self._afterwards(at_s, ref, lines)

    def _annotate(self, at_s: float, ref: str) -> None:
        """Somebody tags the order, some app notes something: it is updated, and nothing that is booked changes."""
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            at_s = self._soon(at_s)
            tag = self.rng.choice(("vip", "gift", "checked", "high: risk"))
            self._step(at_s, "annotate_order", order=ref, tags=[tag], note=f"checked at {at_s:.0f}")

    def restless(self, customers: Sequence[Change]) -> None:
        """Meanwhile some customers change their number, and some products their price."""
        for customer in customers:
            if self.chance(0.15):
                number = f"+1416555{self.rng.randrange(10_000):04d}"
                at_s = self.rng.uniform(0, self.span_s)
                self._step(at_s, "update_customer", customer=customer["ref"], note=f"calls from {number}")
        for product in self.rng.sample(PRODUCTS, 3):
            price = f"{self.rng.randrange(500, 9_000) / 100:.2f}"
            at_s = self.rng.uniform(0, self.span_s)
            self._step(at_s, "update_product", product=product["ref"], variants=[{"price": price}])

    def _step(self, at_s: float, do: str, **details: Any) -> None:
        self.steps.append(Step(at_s, {"do": do, **details}))

    def _soon(self, at_s: float) -> float:
        """A little later, but never within the same two seconds: a person did it."""
        return at_s + 2 + self.rng.expovariate(1) * self.span_s * 0.02

    def _lines(self) -> list[Change]:
        chosen = self.rng.sample(PRODUCTS, self.rng.choices((1, 2, 3, 5), (45, 30, 20, 5))[0])
        if [product["ref"] for product in chosen] == ["sticker"]:
            chosen.append(PRODUCTS[0])
        return [
            {
                "product": product["ref"],
                "variant": self.rng.randrange(len(product["variants"])),
                "quantity": self.rng.choices((1, 2, 3, 7), (55, 25, 15, 5))[0],
            }
            for product in chosen
        ]

    def _buyer(self, at_s: float, customers: Sequence[Change], known: int) -> Change:
        """Customers come back; who is not yet known to the shop cannot have ordered."""
        if self.chance(0.125):
            guest = f"guest{self.rng.randrange(100_000)}@example.org"
            return (
                {"email": guest, "shipping_address": address_in(self.rng, "Guest", "Buyer")} if self.chance(0.5) else {}
            )
        pool = customers if at_s > self.span_s * 0.5 else customers[:known]
        return {"customer": self.rng.choice(pool)["ref"]}

    def _terms(self, lines: Sequence[Change]) -> Change:
        taxes = self.rng.choices((HST, QUEBEC, ()), (60, 33, 7))[0]
        terms: Change = {"taxes": list(taxes), "taxes_included": bool(taxes) and self.chance(0.1)}
        if self.chance(0.85):
            title, price = self.rng.choice(
                (("Ground", "9.95"), ("Express: next day", "24.50"), ("Pick-up point", "4.99"))
            )
            carriage = {"title": title, "code": title.split(":")[0].upper(), "price": price}
            terms["shipping"] = [carriage]
        discounts: list[Change] = [dict(FREE_SHIPPING)] if "shipping" in terms and self.chance(0.06) else []
        if self.chance(0.1):
            discounts.append(BUNDLE | {"line": self.rng.randrange(len(lines))})
        if self.chance(0.22):
            discounts.append(dict(self.rng.choice((TEN, FIVER, GOODWILL))))
        if discounts:
            terms["discounts"] = discounts
        if self.chance(0.08):
            terms["presentment"] = {"currency": "USD", "rate": "0.7143"}
        if self.chance(0.1):
            terms["note"] = self.rng.choice(("Ring twice, please", "cadeau – ne pas joindre la facture", "Gift 🎁"))
        return terms

    def _before_payment(self, at_s: float, ref: str, lines: list[Change]) -> float:
        """An order that is still open may be edited; returns when it is paid."""
        if self.chance(0.25):
            at_s = self._soon(at_s)
            self._edit(at_s, ref, lines)
        return self._soon(at_s)

    def _edit(self, at_s: float, ref: str, lines: list[Change]) -> int:
        """Fewer, more, or one more thing; returns -1 where the order became smaller, else 1."""
        position = self.rng.randrange(len(lines))
        line = lines[position]
        kind = self.rng.choice(("fewer", "more", "another"))
        least = 0 if any(other["quantity"] for other in lines if other is not line) else 1
        if kind == "fewer" and line["quantity"] > least:
            line["quantity"] = self.rng.randrange(least, line["quantity"])
            self._step(at_s, "edit_order", order=ref, set=[{"line": position, "quantity": line["quantity"]}])
            return -1
        if kind == "another":
            product = self.rng.choice(PRODUCTS)
            added = {"product": product["ref"], "variant": 0, "quantity": 1}
            lines.append(added)
            self._step(at_s, "edit_order", order=ref, add=[dict(added)], taxes=list(HST))
            return 1
        line["quantity"] += 1
        self._step(at_s, "edit_order", order=ref, set=[{"line": position, "quantity": line["quantity"]}])
        return 1

    def _afterwards(self, at_s: float, ref: str, lines: list[Change]) -> None:
        """What may become of a paid order."""
        if self.chance(0.1):
            at_s = self._soon(at_s)
            smaller = self._edit(at_s, ref, lines) < 0
            at_s = self._soon(at_s)
            if smaller:
                self._step(at_s, "refund_order", order=ref, note="overpaid")
            else:
                self._step(at_s, "pay_order", order=ref, gateway="manual")
        left = [(position, line["quantity"]) for position, line in enumerate(lines) if line["quantity"]]
        fate = self.rng.choices(("kept", "all back", "some back", "a few dollars", "cancelled"), (80, 5, 8, 4, 3))[0]
        if fate == "kept":
            return
        at_s = self._soon(at_s)
        if fate == "cancelled":
            self._step(at_s, "cancel_order", order=ref, reason=self.rng.choice(("INVENTORY", "CUSTOMER", "FRAUD")))
        elif fate == "a few dollars":
            if all(lines[position]["product"] in CHEAP for position, _ in left):
                return
            self._step(
                at_s, "refund_order", order=ref, amount=f"{self.rng.randrange(50, 250) / 100:.2f}", note="goodwill"
            )
        else:
            everything = fate == "all back"
            back = left if everything else [self.rng.choice(left)]
            parts = [
                {
                    "line": position,
                    "quantity": quantity if everything else self.rng.randint(1, quantity),
                    "restock": "return",
                }
                for position, quantity in back
            ]
            shipping = everything or self.chance(0.25)
            self._step(at_s, "refund_order", order=ref, lines=parts, shipping=shipping, note=fate)
