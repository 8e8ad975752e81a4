"""What a person writes about a shop."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from crossdock.core.connector import ConnectionSettings


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("write a whole URL without path parameters, as in http://127.0.0.1:8802")
    return text.rstrip("/")


class ShopifySettings(ConnectionSettings):
    """One shop."""

    shop: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$",
        description="The shop's own domain at Shopify.",
        examples=["joannas-shop.myshopify.com"],
    )
    currency: str = Field(
        pattern=r"^[A-Z]{3}$", description="The shop's currency; products do not tell it.", examples=["CAD"]
    )
    api_version: str = Field(
        default="2026-07",
        pattern=r"^20[0-9]{2}-(01|04|07|10)$",
        description="Version of the Admin API. Shopify answers for an older one with the oldest that it supports.",
    )
    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        default=None, description="A simulator's URL in place of the shop's.", examples=["http://127.0.0.1:8802"]
    )
    concurrency: int = Field(default=10, ge=1, le=100, description="Calls at once.")

    @property
    def url(self) -> str:
        return self.base_url or f"https://{self.shop}"
