"""The bookkeeping of the QuickBooks simulator, judged by python-quickbooks and intuit-oauth over a socket."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from intuitlib.client import AuthClient
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import (
    AuthorizationException,
    ObjectNotFoundException,
    QuickbooksException,
    UnsupportedException,
    ValidationException,
)
from quickbooks.objects import (
    Account,
    CompanyInfo,
    CreditMemo,
    Customer,
    Invoice,
    Item,
    Payment,
    Preferences,
    RefundReceipt,
    TaxCode,
)
from quickbooks.objects.base import EmailAddress, Ref
from quickbooks.objects.detailline import DiscountLine, DiscountLineDetail, SalesItemLine, SalesItemLineDetail
from quickbooks.objects.payment import PaymentLine
from quickbooks.objects.tax import TxnTaxDetail
from quickbooks.objects.taxservice import TaxRateDetails, TaxService

from crossdock.sandbox.quickbooks import QuickBooksSimulator
from crossdock.sandbox.serve import Served, serving

HST, EXEMPT = "5", "2"
INCOME, CHEQUING = "1", "8"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Served]:
    with serving([QuickBooksSimulator(seed=7)]) as (one,):
        yield one


@pytest.fixture
def served(simulator: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """New books for each test, at the same address."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # oauthlib's own switch for plain http
    admin(simulator, "/seed", {"company": {}})
    return simulator


@pytest.fixture
def qb(served: Served) -> Iterator[QuickBooks]:
    """The two libraries as they come: the discovery URL is a setting of one, the API host a class attribute."""
    keys = served.as_line()["credentials"]
    auth = AuthClient(
        keys["client_id"],
        keys["client_secret"],
        "http://127.0.0.1/callback",
        f"{served.url}/.well-known/openid_sandbox_configuration/",
        refresh_token=keys["refresh_token"],
    )
    client = type("Client", (QuickBooks,), {"api_url_v3": f"{served.url}/v3"})
    connected: QuickBooks = client(
        auth_client=auth, refresh_token=keys["refresh_token"], company_id=keys["realm_id"], minorversion=75
    )
    yield connected
    connected.session.close()
    auth.close()


def admin(served: Served, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{served.admin}{path}", data) as answer:
        return json.load(answer)


def ref(id_: str) -> Ref:
    one = Ref()
    one.value = id_
    return one


def customer(qb: QuickBooks, name: str = "Ada Lovelace") -> Customer:
    one = Customer()
    one.DisplayName = name
    return one.save(qb=qb)


def item(qb: QuickBooks, name: str = "Mug", price: float = 18) -> Item:
    one = Item()
    one.Name, one.Type, one.UnitPrice, one.IncomeAccountRef = name, "Service", price, ref(INCOME)
    return one.save(qb=qb)


def sold(item_id: str, quantity: float, price: float, amount: float, tax: str = HST) -> SalesItemLine:
    one = SalesItemLine()
    one.Amount = amount
    one.SalesItemLineDetail = SalesItemLineDetail()
    one.SalesItemLineDetail.ItemRef = ref(item_id)
    one.SalesItemLineDetail.Qty, one.SalesItemLineDetail.UnitPrice = quantity, price
    one.SalesItemLineDetail.TaxCodeRef = ref(tax)
    return one


def invoice(qb: QuickBooks, *lines: Any, to: Customer | None = None, number: str | None = None) -> Invoice:
    one = Invoice()
    one.CustomerRef = (to or customer(qb)).to_ref()
    one.DocNumber = number
    one.Line = list(lines) or [sold(item(qb).Id, 4, 18, 72), sold("SHIPPING_ITEM_ID", 0, 0, 10)]
    return one.save(qb=qb)


def pay(qb: QuickBooks, paid: Invoice, amount: float, total: float | None = None) -> Payment:
    one, applied = Payment(), PaymentLine()
    applied.Amount, applied.LinkedTxn = amount, [paid.to_linked_txn()]
    one.CustomerRef, one.TotalAmt, one.Line = paid.CustomerRef, total or amount, [applied]
    return one.save(qb=qb)


def test_an_invoice_comes_back_with_what_the_server_computes(qb: QuickBooks) -> None:
    made = Invoice.get(invoice(qb, number="2044").Id, qb=qb)
    assert (made.TotalAmt, made.Balance, made.TxnTaxDetail.TotalTax) == (92.66, 92.66, 10.66)
    assert made.Line[-1].DetailType == "SubTotalLineDetail"
    assert made.Line[-1].Amount == 82
    (tax,) = made.TxnTaxDetail.TaxLine
    assert (tax.Amount, tax.TaxLineDetail.NetAmountTaxable, tax.TaxLineDetail.TaxPercent) == (10.66, 82, 13)
    assert (made.DocNumber, made.SyncToken, made.domain, made.sparse) == ("2044", "0", "QBO", False)


def test_tax_is_of_the_sum_per_rate_and_a_sent_total_wins(qb: QuickBooks) -> None:
    mug = item(qb)
    lines = [sold(mug.Id, 1, 0.35, 0.35, "4") for _ in range(3)]
    assert invoice(qb, *lines, to=customer(qb, "A")).TxnTaxDetail.TotalTax == 0.05, "per line it would be 0.06"
    one = Invoice()
    one.CustomerRef, one.Line = customer(qb, "B").to_ref(), lines
    one.TxnTaxDetail = TxnTaxDetail()
    one.TxnTaxDetail.TotalTax = 0.06
    made = one.save(qb=qb)
    assert (made.TxnTaxDetail.TotalTax, made.TotalAmt) == (0.06, 1.11)


def test_a_code_of_two_rates_makes_two_tax_lines(qb: QuickBooks) -> None:
    made = invoice(qb, sold(item(qb).Id, 1, 100, 100, "6"))
    assert sorted(line.Amount for line in made.TxnTaxDetail.TaxLine) == [5, 9.98]
    assert made.TotalAmt == 114.98


@pytest.mark.parametrize(("after_discount", "tax", "total"), [(True, 11.70, 101.70), (False, 13, 103)])
def test_a_discount_goes_off_before_or_after_tax(
    qb: QuickBooks, after_discount: bool, tax: float, total: float
) -> None:
    off = DiscountLine()
    off.DiscountLineDetail = DiscountLineDetail()
    off.DiscountLineDetail.PercentBased, off.DiscountLineDetail.DiscountPercent = True, 10
    one = Invoice()
    one.CustomerRef, one.Line = customer(qb).to_ref(), [sold(item(qb).Id, 1, 100, 100), off]
    one.ApplyTaxAfterDiscount = after_discount
    made = one.save(qb=qb)
    assert (made.TxnTaxDetail.TotalTax, made.TotalAmt) == (tax, total)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (sold("SHIPPING_ITEM_ID", 128.350, 14.50, 1861.07), 6070, "Supplied value:1,861.07"),
        (sold("SHIPPING_ITEM_ID", 1, 5, 5, "99"), 2500, "TaxCodeRef"),
        (sold("999", 1, 5, 5), 2500, "Line.SalesItemLineDetail.ItemRef"),
        (sold("SHIPPING_ITEM_ID", 1, 5.001, 5.001), 6000, "at most 2 decimals"),
        (sold("SHIPPING_ITEM_ID", 1, -5, -5), 6000, "can not be negative"),
    ],
)
def test_a_wrong_line_is_refused(qb: QuickBooks, line: SalesItemLine, code: int, says: str) -> None:
    with pytest.raises(QuickbooksException) as refused:
        invoice(qb, line)
    assert refused.value.error_code == code
    assert says in refused.value.detail
    assert Invoice.all(qb=qb) == []


def test_half_a_cent_goes_up(qb: QuickBooks) -> None:
    assert invoice(qb, sold("SHIPPING_ITEM_ID", 128.350, 14.50, 1861.08, EXEMPT)).TotalAmt == 1861.08


def test_outside_the_us_every_line_needs_a_tax_code(qb: QuickBooks) -> None:
    bare = sold("SHIPPING_ITEM_ID", 1, 5, 5)
    bare.SalesItemLineDetail.TaxCodeRef = None
    with pytest.raises(QuickbooksException, match="business validation") as refused:
        invoice(qb, bare)
    assert "no tax code" in refused.value.detail


def test_in_the_us_lines_are_tax_or_non_and_automated_tax_yields_to_a_sent_total(
    served: Served, qb: QuickBooks
) -> None:
    admin(served, "/seed", {"company": {"country": "US", "currency": "USD", "automated_tax_percent": 10}})
    lines = [sold("SHIPPING_ITEM_ID", 1, 50, 50, "TAX"), sold("SHIPPING_ITEM_ID", 1, 50, 50, "NON")]
    assert invoice(qb, *lines, to=customer(qb, "A")).TotalAmt == 105
    one = Invoice()
    one.CustomerRef, one.Line, one.TxnTaxDetail = customer(qb, "B").to_ref(), lines, TxnTaxDetail()
    one.TxnTaxDetail.TotalTax = 3.5
    assert one.save(qb=qb).TotalAmt == 103.5
    with pytest.raises(ValidationException):
        invoice(qb, sold("SHIPPING_ITEM_ID", 1, 50, 50, "5"), to=customer(qb, "C"))


def test_a_name_is_taken_by_customers_and_vendors_alike(served: Served, qb: QuickBooks) -> None:
    customer(qb, "John Smith")
    admin(served, "/seed", {"Vendor": ["Acme"]})
    for name in ("john smith", "ACME", " Acme "):
        with pytest.raises(QuickbooksException) as refused:
            customer(qb, name)
        assert refused.value.error_code == 6240


def test_an_inactive_customer_is_hidden_and_frees_its_name(qb: QuickBooks) -> None:
    old = customer(qb)
    old.Active = False
    assert old.save(qb=qb).DisplayName == "Ada Lovelace (deleted)"
    assert Customer.filter(DisplayName="Ada Lovelace", qb=qb) == []
    assert len(Customer.where("Active IN (true, false)", qb=qb)) == 1
    with pytest.raises(ValidationException) as refused:
        invoice(qb, to=old)
    assert (refused.value.error_code, "made inactive" in refused.value.detail) == (2500, True)
    assert customer(qb).Id != old.Id


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("DisplayName", "x" * 501, 2050),
        ("DisplayName", "a:b", 6000),
        ("DisplayName", "", 2020),
        ("Notes", "x" * 2001, 2050),
        ("PreferredDeliveryMethod", "Pigeon", 2170),
        ("FavouriteColour", "red", 2010),
        ("Taxable", "perhaps", 2010),
    ],
)
def test_a_wrong_field_is_refused_by_its_code(qb: QuickBooks, field: str, value: str, code: int) -> None:
    one = Customer()
    one.DisplayName = "Ada"
    setattr(one, field, value)
    with pytest.raises(QuickbooksException) as refused:
        one.save(qb=qb)
    assert refused.value.error_code == code


def test_an_address_that_is_none_is_refused(qb: QuickBooks) -> None:
    one = Customer()
    one.DisplayName, one.PrimaryEmailAddr = "Ada", EmailAddress()
    one.PrimaryEmailAddr.Address = "ada at example"
    with pytest.raises(ValidationException) as refused:
        one.save(qb=qb)
    assert refused.value.error_code == 2210


def test_a_document_number_is_used_once(qb: QuickBooks) -> None:
    first = invoice(qb, number="1044")
    with pytest.raises(QuickbooksException) as refused:
        invoice(qb, sold("SHIPPING_ITEM_ID", 1, 5, 5), to=Customer.get(first.CustomerRef.value, qb=qb), number="1044")
    assert refused.value.error_code == 6140
    with pytest.raises(ValidationException) as refused:
        invoice(qb, sold("SHIPPING_ITEM_ID", 1, 5, 5), to=customer(qb, "B"), number="x" * 22)
    assert refused.value.error_code == 2050


def test_without_custom_numbers_the_company_counts_itself(served: Served, qb: QuickBooks) -> None:
    admin(served, "/seed", {"company": {"custom_txn_numbers": False}})
    ada = customer(qb)
    numbers = [invoice(qb, sold("SHIPPING_ITEM_ID", 1, 5, 5), to=ada).DocNumber for _ in range(2)]
    assert numbers == ["1001", "1002"]
    assert Preferences.get(qb=qb).SalesFormsPrefs.CustomTxnNumbers is False


def test_the_same_request_id_creates_once(qb: QuickBooks) -> None:
    one = Customer()
    one.DisplayName = "Ada"
    ids = {one.save(qb=qb, request_id="r-1").Id}
    one.Id = None
    ids.add(one.save(qb=qb, request_id="r-1").Id)
    assert len(ids) == len(Customer.all(qb=qb)) == 1


def test_a_stale_token_changes_nothing(qb: QuickBooks) -> None:
    made = customer(qb)
    made.Notes = "first"
    made.save(qb=qb)
    made.Notes = "second"
    with pytest.raises(QuickbooksException) as refused:
        made.save(qb=qb)
    assert refused.value.error_code == 5010
    assert Customer.get(made.Id, qb=qb).Notes == "first"


def test_a_full_update_clears_and_a_sparse_one_keeps(qb: QuickBooks) -> None:
    one = Customer()
    one.DisplayName, one.Notes, one.GivenName = "Ada", "likes mugs", "Ada"
    made = one.save(qb=qb)
    url = f"{qb.api_url}/company/{qb.company_id}/customer"
    kept = qb.post(url, json.dumps({"Id": made.Id, "SyncToken": "0", "sparse": True, "GivenName": "A."}))
    assert (kept["Customer"]["Notes"], kept["Customer"]["GivenName"]) == ("likes mugs", "A.")
    full = qb.post(url, json.dumps({"Id": made.Id, "SyncToken": "1", "DisplayName": "Ada"}))
    assert "Notes" not in full["Customer"]
    assert full["Customer"]["SyncToken"] == "2"
    with pytest.raises(ValidationException) as refused:
        qb.post(url, json.dumps({"Id": made.Id, "DisplayName": "Ada"}))
    assert refused.value.error_code == 2020


def test_new_lines_in_a_sparse_update_compute_a_new_tax(qb: QuickBooks) -> None:
    made = invoice(qb)
    url = f"{qb.api_url}/company/{qb.company_id}/invoice"
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": 100,
        "SalesItemLineDetail": {"ItemRef": {"value": "SHIPPING_ITEM_ID"}, "TaxCodeRef": {"value": HST}},
    }
    body = {"Id": made.Id, "SyncToken": "0", "sparse": True, "Line": [line]}
    assert qb.post(url, json.dumps(body))["Invoice"]["TotalAmt"] == 113


def test_a_payment_lowers_the_balance_and_raises_the_token(qb: QuickBooks) -> None:
    made = invoice(qb)
    paid = pay(qb, made, 50)
    after = Invoice.get(made.Id, qb=qb)
    assert (after.Balance, after.TotalAmt, after.SyncToken) == (42.66, 92.66, "1")
    assert [(link.TxnId, link.TxnType) for link in after.LinkedTxn] == [(paid.Id, "Payment")]
    assert Customer.get(made.CustomerRef.value, qb=qb).Balance == 42.66
    assert Payment.get(paid.Id, qb=qb).DepositToAccountRef.name == "Undeposited Funds"


def test_a_payment_is_refused_beyond_balance_total_or_customer(qb: QuickBooks) -> None:
    made = invoice(qb)
    for amount, total in ((92.67, 100), (50, 40)):
        with pytest.raises(QuickbooksException) as refused:
            pay(qb, made, amount, total)
        assert refused.value.error_code == 6000
    made.CustomerRef = customer(qb, "Another").to_ref()
    with pytest.raises(QuickbooksException) as refused:
        pay(qb, made, 10)
    assert "of one customer" in refused.value.detail
    assert Payment.all(qb=qb) == []


def test_what_is_not_applied_stays_as_credit(qb: QuickBooks) -> None:
    made = invoice(qb)
    assert pay(qb, made, 92.66, 100).UnappliedAmt == 7.34
    assert Customer.get(made.CustomerRef.value, qb=qb).Balance == -7.34


def test_a_voided_payment_opens_its_invoice_again(qb: QuickBooks) -> None:
    made = invoice(qb)
    paid = pay(qb, made, 92.66)
    voided = paid.void(qb=qb)["Payment"]
    assert (voided["TotalAmt"], voided["PrivateNote"], voided["Line"]) == (0, "Voided", [])
    after = Invoice.get(made.Id, qb=qb)
    assert (after.Balance, after.SyncToken, after.LinkedTxn) == (92.66, "2", [])


def test_a_voided_invoice_owes_nothing_and_frees_its_payment(qb: QuickBooks) -> None:
    made = invoice(qb)
    paid = pay(qb, made, 50)
    voided = Invoice.get(made.Id, qb=qb).void(qb=qb)["Invoice"]
    assert (voided["TotalAmt"], voided["Balance"], voided["PrivateNote"]) == (0, 0, "Voided")
    assert {line["Amount"] for line in voided["Line"]} == {0}
    assert Payment.get(paid.Id, qb=qb).UnappliedAmt == 50


def test_an_invoice_lowered_below_what_was_paid_frees_the_surplus(qb: QuickBooks) -> None:
    made = invoice(qb)
    paid = pay(qb, made, 92.66)
    lower = Invoice.get(made.Id, qb=qb)
    lower.Line = [sold("SHIPPING_ITEM_ID", 1, 50, 50, EXEMPT)]
    lower.TxnTaxDetail = None
    assert lower.save(qb=qb).Balance == 0
    assert Payment.get(paid.Id, qb=qb).UnappliedAmt == 42.66


def test_a_deleted_invoice_is_gone_and_its_payment_free(qb: QuickBooks) -> None:
    made = invoice(qb)
    paid = pay(qb, made, 92.66)
    assert Invoice.get(made.Id, qb=qb).delete(qb=qb)["Invoice"]["status"] == "Deleted"
    with pytest.raises(ObjectNotFoundException, match="Not Found"):
        Invoice.get(made.Id, qb=qb)
    assert Payment.get(paid.Id, qb=qb).UnappliedAmt == 92.66


def test_names_are_never_deleted(qb: QuickBooks) -> None:
    made = customer(qb)
    with pytest.raises(UnsupportedException):
        qb.delete_object("Customer", json.dumps({"Id": made.Id, "SyncToken": "0"}))


def test_a_refund_receipt_needs_the_account_the_money_leaves(qb: QuickBooks) -> None:
    one = RefundReceipt()
    one.CustomerRef, one.Line = customer(qb).to_ref(), [sold("SHIPPING_ITEM_ID", 1, 10, 10)]
    with pytest.raises(ValidationException) as refused:
        one.save(qb=qb)
    assert (refused.value.error_code, "DepositToAccountRef" in refused.value.detail) == (2020, True)
    one.DepositToAccountRef = ref(CHEQUING)
    made = one.save(qb=qb)
    assert (made.TotalAmt, made.Balance) == (11.30, 0)


def test_a_credit_memo_pays_an_invoice_through_a_payment_of_nothing(qb: QuickBooks) -> None:
    ada = customer(qb)
    owed = invoice(qb, sold("SHIPPING_ITEM_ID", 1, 10, 10), to=ada)
    memo = CreditMemo()
    memo.CustomerRef, memo.Line = ada.to_ref(), [sold("SHIPPING_ITEM_ID", 1, 10, 10)]
    memo = memo.save(qb=qb)
    assert memo.RemainingCredit == 11.30
    applied = Payment()
    applied.CustomerRef, applied.TotalAmt = ada.to_ref(), 0
    for kind, id_ in (("Invoice", owed.Id), ("CreditMemo", memo.Id)):
        line = PaymentLine()
        line.Amount, line.LinkedTxn = 11.30, [{"TxnId": id_, "TxnType": kind}]
        applied.Line.append(line)
    applied.save(qb=qb)
    assert Invoice.get(owed.Id, qb=qb).Balance == 0
    assert CreditMemo.get(memo.Id, qb=qb).RemainingCredit == 0


def test_closed_books_take_nothing(served: Served, qb: QuickBooks) -> None:
    admin(served, "/seed", {"company": {"book_close_date": "2026-01-31"}})
    one = Invoice()
    one.CustomerRef, one.TxnDate = customer(qb).to_ref(), "2026-01-31"
    one.Line = [sold("SHIPPING_ITEM_ID", 1, 10, 10)]
    with pytest.raises(QuickbooksException) as refused:
        one.save(qb=qb)
    assert refused.value.error_code == 6210


def test_a_foreign_customer_is_booked_in_its_currency(served: Served, qb: QuickBooks) -> None:
    one = Customer()
    one.DisplayName, one.CurrencyRef = "Eve", ref("EUR")
    with pytest.raises(QuickbooksException, match="business"):
        one.save(qb=qb)
    admin(served, "/seed", {"company": {"multicurrency": True}})
    eve = one.save(qb=qb)
    bill = Invoice()
    bill.CustomerRef, bill.CurrencyRef, bill.ExchangeRate = eve.to_ref(), ref("EUR"), 1.5
    bill.Line = [sold("SHIPPING_ITEM_ID", 1, 10, 10)]
    assert bill.save(qb=qb).HomeTotalAmt == 16.95
    bill.CurrencyRef, bill.Id = ref("CAD"), None
    with pytest.raises(QuickbooksException, match="business"):
        bill.save(qb=qb)


def test_an_inventory_item_needs_its_accounts_and_a_start(qb: QuickBooks) -> None:
    one = Item()
    one.Name, one.Type, one.IncomeAccountRef = "Mug", "Inventory", ref(INCOME)
    with pytest.raises(ValidationException) as refused:
        one.save(qb=qb)
    assert "AssetAccountRef" in refused.value.detail
    one.AssetAccountRef, one.ExpenseAccountRef = ref("6"), ref("7")
    one.TrackQtyOnHand, one.QtyOnHand, one.InvStartDate = True, 10, "2026-06-01"
    made = one.save(qb=qb)
    early = Invoice()
    early.CustomerRef, early.TxnDate, early.Line = customer(qb).to_ref(), "2026-05-31", [sold(made.Id, 1, 5, 5)]
    with pytest.raises(QuickbooksException) as refused:
        early.save(qb=qb)
    assert refused.value.error_code == 6270


def test_the_tax_service_makes_a_code_that_lines_can_use(qb: QuickBooks) -> None:
    rate, service = TaxRateDetails(), TaxService()
    rate.TaxRateName, rate.RateValue, rate.TaxAgencyId = "Levy", 2.5, 1
    service.TaxCode, service.TaxRateDetails = "Levy", [rate]
    service.save(qb=qb)
    code = next(one for one in TaxCode.all(qb=qb) if one.Name == "Levy")
    assert invoice(qb, sold("SHIPPING_ITEM_ID", 1, 100, 100, code.Id)).TotalAmt == 102.5


def test_company_preferences_and_accounts_can_be_read(qb: QuickBooks) -> None:
    assert CompanyInfo.get(qb.company_id, qb=qb).Country == "CA"
    assert Preferences.get(qb=qb).CurrencyPrefs.HomeCurrency.value == "CAD"
    assert Account.filter(Name="Chequing", qb=qb)[0].AccountType == "Bank"


def test_queries_filter_order_and_page(qb: QuickBooks) -> None:
    for name in ("Bea", "Ann's", "Cal"):
        customer(qb, name)
    assert [one.DisplayName for one in Customer.filter(DisplayName="Ann's", qb=qb)] == ["Ann's"]
    found = Customer.where(
        "DisplayName LIKE '%a%'", order_by="DisplayName DESC", start_position=2, max_results=1, qb=qb
    )
    assert [one.DisplayName for one in found] == ["Bea"]
    assert Customer.count(qb=qb) == 3
    assert Customer.choose(["Bea", "Cal"], field="DisplayName", qb=qb)[1].DisplayName == "Cal"
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")
    assert len(Customer.where(f"MetaData.LastUpdatedTime >= '{since}'", qb=qb)) == 3
    assert qb.query("select * from Invoice")["QueryResponse"] == {}
    assert Item.all(qb=qb) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select * from Customer where DisplayName = 'a' or DisplayName = 'b'", 4000),
        ("select * from Customer where", 4000),
        ("delete from Customer", 4000),
        ("select * from Customer where DisplayName = 'a", 4000),
        ("select * from Unicorn", 4001),
        ("select * from Customer where Colour = 'red'", 4001),
        ("select * from Invoice where PrivateNote = 'x'", 4001),
        ("select * from Customer orderby Id", 4001),
        ("select * from Customer maxresults 1001", 4001),
        ("select * from Customer startposition 0", 4001),
        ("", 4000),
    ],
)
def test_a_query_that_can_not_be_is_refused(qb: QuickBooks, query: str, code: int) -> None:
    customer(qb)
    with pytest.raises(QuickbooksException) as refused:
        qb.query(query)
    assert refused.value.error_code == code


def test_a_batch_tells_each_item_its_own_outcome(qb: QuickBooks) -> None:
    names = []
    for name in ("Ann", "ann", "Bea"):
        one = Customer()
        one.DisplayName = name
        names.append(one)
    outcome = batch_create(names, qb=qb)
    assert [one.DisplayName for one in outcome.successes] == ["Ann", "Bea"]
    assert [fault.Error[0].code for fault in outcome.faults] == ["6240"]


def test_changes_since_a_time_include_the_deleted(qb: QuickBooks) -> None:
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")
    made, kept = invoice(qb), customer(qb, "Kept")
    made.delete(qb=qb)
    changes = change_data_capture([Invoice, Customer], since, qb=qb)
    assert {one.Id for one in changes.Customer} == {kept.Id, made.CustomerRef.value}
    assert [(one.Id, one.status) for one in changes.Invoice] == [(made.Id, "Deleted")]


def test_another_company_and_a_dead_token_are_refused(qb: QuickBooks) -> None:
    qb.company_id = "1"
    with pytest.raises(QuickbooksException, match="403") as refused:
        Customer.all(qb=qb)
    assert "003100" in refused.value.message
    qb.session.token = {"access_token": "dead"}
    with pytest.raises(AuthorizationException) as refused:
        Customer.all(qb=qb)
    assert json.loads(refused.value.detail)["fault"]["error"][0]["code"] == "3200"


def test_seeded_records_pass_the_same_rules(served: Served, qb: QuickBooks) -> None:
    made = admin(served, "/seed", {"Customer": [{"DisplayName": "Ada"}]})
    assert Customer.get(made["Customer"][0]["Id"], qb=qb).DisplayName == "Ada"
    with pytest.raises(urllib.error.HTTPError) as refused:
        admin(served, "/seed", {"Customer": [{"DisplayName": "Bea"}, {"DisplayName": "ada"}]})
    assert b"6240" in refused.value.read()
    assert [one["DisplayName"] for one in admin(served, "/list/customer")] == ["Ada"]
