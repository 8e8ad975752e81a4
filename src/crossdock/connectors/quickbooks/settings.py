"""What a person decides about their books."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from crossdock.core.connector import ConnectionSettings

API_URLS = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("write a whole URL without path parameters, as in http://127.0.0.1:8801")
    return text.rstrip("/")


Named = Annotated[str, Field(min_length=1, max_length=100)]
"""The name of an account or item as QuickBooks shows it, or its id (digits only)."""


class Items(BaseModel):
    """Which item each kind of line is booked on: a name as QuickBooks shows it, or an id. An item that is named and
    does not exist is made, as a service on `income_account`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    product: Named = Field(default="Shop sales", description="Products that have no item of their own.")
    shipping: Named = Field(default="Shipping", description="Shipping. `SHIPPING_ITEM_ID` is QuickBooks' own.")
    discount: Named = Field(default="Discounts", description="A discount that no product line can bear.")
    gift_card: Named = Field(default="Gift cards", description="Gift cards sold: point it to a liability account.")
    tip: Named = Field(default="Tips", description="Tips.")
    fee: Named = Field(default="Fees", description="Fees.")
    duty: Named = Field(default="Import duties", description="Import duties that the customer paid.")
    rounding: Named = Field(default="Rounding", description="Cents that rounding leaves.")
    adjustment: Named = Field(default="Refund adjustments", description="Money given back that no line explains.")


class Tax(BaseModel):
    """How lines say their tax. Amounts are always those of the shop; QuickBooks is told, not asked."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    regime: Literal["us", "global"] = Field(
        default="us", description="us: lines say TAX or NON. global: every line names a tax code of the company."
    )
    taxable: str = Field(default="TAX", description="Tax code (its id, outside the US) of lines with tax.")
    exempt: str = Field(default="NON", description="Tax code (its id, outside the US) of lines without tax.")
    codes: dict[str, str] = Field(
        default={},
        description="Tax code by the line's tax_code or its tax's title.",
        examples=[{"HST": "5", "GST": "7"}],
    )

    @model_validator(mode="after")
    def _ids_outside_the_us(self) -> Tax:
        if self.regime == "global" and {"TAX", "NON"} & {self.taxable, self.exempt}:
            raise ValueError(
                "regime global: `taxable` and `exempt` are ids of the company's own tax codes, as in taxable: '5',"
                " exempt: '7'; TAX and NON exist in the US only"
            )
        return self


class QuickBooksSettings(ConnectionSettings):
    """One QuickBooks Online company."""

    environment: Literal["production", "sandbox"] = Field(default="production", description="Intuit's environment.")
    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        default=None,
        description="A simulator's URL in place of Intuit's hosts; it serves the API and the OAuth routes.",
        examples=["http://127.0.0.1:8801"],
    )
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="The company's home currency.", examples=["CAD"])
    multicurrency: bool = Field(default=False, description="The company has multicurrency switched on.")
    income_account: Named = Field(
        default="Sales of Product Income", description="Account on which items are made that do not exist yet."
    )
    deposit_account: Named | None = Field(
        default=None, description="Account that payments go to; left out: Undeposited Funds."
    )
    refund_account: Named = Field(default="Undeposited Funds", description="Account that refunds are paid from.")
    items: Items = Field(default=Items(), description="Which item each kind of line is booked on.")
    products: Literal["by_sku", "one_item"] = Field(
        default="by_sku", description="by_sku: a product line takes the item with its SKU, else items.product."
    )
    tax: Tax = Field(default=Tax(), description="How lines say their tax.")
    rounding_limit: Decimal = Field(
        default=Decimal("0.05"), ge=0, le=1, description="The most that a rounding line may set right on one document."
    )
    requests_per_minute: int = Field(default=500, ge=1, le=100_000, description="Calls a minute that Intuit allows.")
    concurrency: int = Field(default=10, ge=1, le=100, description="Calls at once that Intuit allows.")

    @property
    def api_url(self) -> str:
        return self.base_url or API_URLS[self.environment]
