"""What a person reads at the end: what was traded, what went wrong on purpose, what the hub did, and both books."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from crossdock.cli.demo.books import NOTHING, Books, Document, Sale
from crossdock.cli.demo.check import found
from crossdock.cli.demo.curtain import how_many
from crossdock.cli.demo.figures import figures, is_clean, unfinished
from crossdock.cli.demo.mischief import KINDS
from crossdock.cli.demo.play import PLATFORMS, Outcome
from crossdock.cli.show import plain

TO_LOOK_AT: Final = {"shopify": "orders", "quickbooks": "invoice", "hubspot": "deals"}
"""platform → what its simulator lists"""
TITLES: Final = {"shopify": "Shopify", "quickbooks": "QuickBooks", "hubspot": "HubSpot"}
FAULTS: Final = {
    "429": "told to wait",
    "503": "not available",
    "500_before": "error, nothing done",
    "500_after_commit": "error, yet done",
    "timeout_after_commit": "done, never answered",
    "reset_before": "cut off, nothing done",
    "reset_after_commit": "done, answer cut off",
    "html_200": "a login page instead",
    "slow_drip": "answer in drips",
    "truncated_json": "done, half an answer",
}
MOST_FINDINGS: Final = 20
STORIES: Final = 6


def tell(outcome: Outcome, console: Console) -> None:
    trouble = _trouble(outcome)
    console.print()
    title = f"Joanna's shop: {how_many(outcome.orders)} in {outcome.seconds:.0f} seconds"
    console.print(Text(title, style="bold"))
    console.print()
    for title, rows in (("What was traded", _traded(outcome)), ("What the hub did", _done(outcome))):
        console.print(_section(title, _list(rows)))
    console.print(_section("What went wrong on purpose", Group(_list(trouble), _faults(outcome.faults))))
    console.print(_section("Orders with a life of their own", _stories(outcome.books)))
    console.print(_section("The books", _side_by_side(outcome.books)))
    console.print(_verdict(outcome))


def what_to_look_at(outcome: Outcome) -> str:
    """For a viewer who stays."""
    number = next((sale.name for sale in outcome.books.sales if sale.refunds), "#1001")
    program, options = _program(), f"--project {shlex.quote(str(outcome.folder))} --environment sandbox"
    lists = "\n".join(f"  {outcome.admins[name]}/list/{kind}" for name, kind in TO_LOOK_AT.items())
    return (
        "Everything still runs. In another terminal:\n"
        f"  {program} trace '{number}' {options}\n"
        f"  {program} status {options}\n"
        f"  {program} audit {options}\n"
        "In a browser, the orders, the invoices and the deals, and what the hub counts:\n"
        f"{lists}\n"
        f"  {outcome.hub_url}/metrics\n"
        "Ctrl-C ends it all."
    )


def _program() -> str:
    """As a viewer can type it: whom `dev.py demo` made an environment may not have it on their PATH."""
    return "crossdock" if shutil.which("crossdock") else shlex.quote(str(Path(sys.executable).with_name("crossdock")))


# --- the parts --------------------------------------------------------------------------------------------------


def _section(title: str, content: RenderableType) -> RenderableType:
    return Panel(
        content, title=Text(title, style="bold"), title_align="left", box=box.ROUNDED, border_style="dim", expand=False
    )


def _list(rows: Iterable[tuple[str, object]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", style="cyan")
    grid.add_column()
    for what, amount in rows:
        grid.add_row(f"{amount:,}" if isinstance(amount, int) else plain(amount), what)
    return grid


def _traded(outcome: Outcome) -> list[tuple[str, object]]:
    sales = outcome.books.sales
    happened = outcome.happened
    guests = [sale.buyer for sale in sales if not sale.buyer.known]
    nameless = sum(guest.anonymous for guest in guests)
    return [
        ("orders", len(sales)),
        (f"from guests{f', {nameless:,} of whom left no address' if guests else ''}", len(guests)),
        ("payments that came later than the order", happened.get("pay_order", 0)),
        ("orders edited after checkout", happened.get("edit_order", 0)),
        ("refunds, whole and in part", sum(len(sale.refunds) for sale in sales)),
        ("called off, before payment or after", sum(sale.cancelled for sale in sales)),
        (f"customers from before, {outcome.known:,} of them in QuickBooks already", outcome.before),
        ("customers who signed up meanwhile", happened.get("create_customer", 0)),
    ]


def _trouble(outcome: Outcome) -> list[tuple[str, object]]:
    webhooks = outcome.webhooks
    return [
        ("webhooks, each up to a second late, so that they overtake one another", webhooks["sent"]),
        ("of them sent twice", webhooks["duplicates"]),
        ("times one found the hub down, or got no answer, and came again", webhooks["failed"]),
        ("kill -9 of the hub", outcome.crashes),
    ]


def _done(outcome: Outcome) -> list[tuple[str, object]]:
    deeds, tallies = outcome.deeds, outcome.standing.tallies

    def deliveries(state: str) -> int:
        return sum(amount for (kind, _, of), amount in tallies.items() if (kind, of) == ("delivery", state))

    return [
        ("messages taken in, each once", sum(amount for (kind, _, _), amount in tallies.items() if kind == "message")),
        ("changes brought to QuickBooks and HubSpot, each once", deliveries("delivered")),
        ("overtaken by a newer state of the same record", deliveries("superseded")),
        ("requests sent for that", deeds.total("exchanges_total")),
        ("times it was told to wait, and waited", deeds.total("failed_total", "rate")),
        ("times nothing was done, and it tried again", deeds.total("failed_total", "not_done")),
        ("outcomes unknown: found out, never guessed", deeds.total("failed_total", "unknown")),
        ("requests built anew: the record had changed, or its name was taken", deeds.total("failed_total", "stale")),
        ("sums of its own audit that agree", f"{sum(one.agrees for one in outcome.sums)}/{len(outcome.sums)}"),
    ]


def _faults(faults: Mapping[str, Mapping[str, int]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    grid.add_column("faults of the platforms")
    for name in PLATFORMS:
        grid.add_column(TITLES[name], justify="right")
    for kind in KINDS:
        counts = [faults[name].get(kind, 0) for name in PLATFORMS]
        grid.add_row(f"{FAULTS[kind]}", *(f"{count:,}" if count else Text("·", style="dim") for count in counts))
    return grid


def _stories(books: Books) -> Table:
    """A few orders to whom more happened than to others. Each sum once, where the shop and the other side agree."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("order", "what became of it"):
        grid.add_column(title)
    for title in ("billed", "paid", "refunded", "deal"):
        grid.add_column(title, justify="right", no_wrap=True)
    grid.add_column("")
    invoices = {invoice.number.partition("-")[0]: invoice for invoice in books.invoices}
    deals = {deal.number: deal for deal in books.deals}
    for sale in sorted(books.sales, key=_eventful, reverse=True)[:STORIES]:
        invoice, deal = invoices.get(sale.number), deals.get(sale.number)
        pairs = [
            (sale.billed, invoice.total if invoice else NOTHING),
            (sale.paid, _total(books.payments, sale.payments)),
            (sale.refunded, _total(books.refunds, [f"R-{refund}" for refund in sale.refunds])),
            (sale.kept, deal.amount if deal else None),
        ]
        sums = ("\n≠ ".join(_money(amount) for amount in dict.fromkeys(pair)) for pair in pairs)
        grid.add_row(sale.name, _life(sale), *sums, _mark(all(shop == other for shop, other in pairs)))
    return grid


def _mark(agrees: bool) -> Text:
    return Text("✓", style="green") if agrees else Text("≠", style="bold red")


def _eventful(sale: Sale) -> tuple[int, Decimal]:
    return len(sale.payments) + 2 * len(sale.refunds) + sale.cancelled + (sale.paid > sale.billed), sale.billed


def _life(sale: Sale) -> str:
    parts = []
    if len(sale.payments) > 1:
        parts.append("edited, and the rest paid")
    if sale.paid > sale.billed:
        parts.append("made smaller after payment")
    if sale.cancelled:
        parts.append("called off")
    if sale.refunds:
        parts.append("money back" if sale.refunded < sale.paid else "all money back")
    return ", ".join(parts) or "bought and paid"


def _side_by_side(books: Books) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    grid.add_column("")
    for name in PLATFORMS:
        grid.add_column(TITLES[name], justify="right")
    grid.add_column("")
    sales = books.sales
    standing = [sale for sale in sales if not sale.called_off]
    buyers = {sale.buyer for sale in sales if not sale.buyer.anonymous}
    called_off = len(sales) - len(standing)
    voided = sum(not invoice.total for invoice in books.invoices)
    rows: list[tuple[str, object, object, object]] = [
        ("orders, invoices, deals", len(sales), len(books.invoices), len(books.deals)),
        ("  called off unpaid, voided", called_off, voided, None),
        ("payments", sum(len(sale.payments) for sale in sales), len(books.payments), None),
        ("refunds", sum(len(sale.refunds) for sale in sales), len(books.refunds), None),
        ("buyers who can be reached", len(buyers), found(books.customers, buyers), found(books.contacts, buyers)),
        ("billed", _sum(sale.billed for sale in sales), _sum(one.total for one in books.invoices), None),
        ("received", _sum(sale.paid for sale in sales), _sum(one.total for one in books.payments), None),
        ("given back", _sum(sale.refunded for sale in sales), _sum(one.total for one in books.refunds), None),
        ("still owed", _sum(sale.owed for sale in sales), _sum(one.open for one in books.invoices), None),
        (
            "worth in the end",
            _sum(sale.kept for sale in sales),
            None,
            _sum(deal.amount or NOTHING for deal in books.deals),
        ),
    ]
    for what, *amounts in rows:
        said = [amount for amount in amounts if amount is not None]
        unit = ", CAD" if isinstance(said[0], Decimal) else ""
        grid.add_row(what + unit, *(_cell(amount) for amount in amounts), _mark(len(set(said)) == 1))
    return grid


def _cell(amount: object) -> str:
    if isinstance(amount, Decimal):
        return _money(amount)
    return "" if amount is None else f"{amount:,}"


def _money(amount: Decimal | None) -> str:
    return "–" if amount is None else f"{amount:,.2f}"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, NOTHING).quantize(Decimal("0.01"))


def _total(documents: Iterable[Document], numbers: Iterable[str]) -> Decimal:
    wanted = set(numbers)
    return sum((one.total for one in documents if one.number in wanted), NOTHING)


def _verdict(outcome: Outcome) -> RenderableType:
    if is_clean(outcome):
        said = "Nothing lost, nothing doubled, no cent off, nothing left open."
        return Panel(Text(f"✓ {said}", style="bold green"), box=box.ROUNDED, border_style="green", expand=False)
    counts = figures(outcome)
    lines = [Text(f"✗ {', '.join(f'{counts[name]} {name}' for name in ('lost', 'doubled', 'cents_off', 'unsettled'))}")]
    lines += [Text(plain(f"  {one.wrong}: {one.about}: {one.what}")) for one in outcome.findings[:MOST_FINDINGS]]
    if len(outcome.findings) > MOST_FINDINGS:
        lines.append(Text(f"  and {len(outcome.findings) - MOST_FINDINGS} more"))
    if unfinished(outcome):
        lines.append(Text(f"  {unfinished(outcome)} things are not brought to an end: {_left(outcome)}"))
    return Panel(Group(*lines), box=box.ROUNDED, border_style="red", expand=False)


def _left(outcome: Outcome) -> str:
    standing = outcome.standing
    wrong = [f"{one.scope}: {one.what}" for one in outcome.sums if not one.agrees]
    parts = (
        (standing.on_the_way, "webhooks on the way"),
        (standing.unread, "unread"),
        (standing.open, "deliveries open"),
        (standing.for_a_person, "for a person"),
    )
    return ", ".join([*(f"{amount} {what}" for amount, what in parts if amount), *wrong])
