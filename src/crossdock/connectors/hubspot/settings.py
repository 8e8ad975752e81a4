"""What a person writes about a HubSpot account."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crossdock.core.connector import ConnectionSettings

API_URL = "https://api.hubapi.com"
PropertyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("write a whole URL without path parameters, as in http://127.0.0.1:8803")
    return text.rstrip("/")


class Stages(BaseModel):
    """The account's deal stage for each stage of the model: the internal name, or the number of a custom one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    new: str = "appointmentscheduled"
    qualified: str = "qualifiedtobuy"
    proposed: str = "presentationscheduled"
    committed: str = "contractsent"
    won: str = "closedwon"
    lost: str = "closedlost"


class HubSpotSettings(ConnectionSettings):
    """One HubSpot account."""

    portal: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,20}$",
        description="The account's Hub ID; needed with a static token, for OAuth tells it.",
        examples=["147369258"],
    )
    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        default=None,
        description="A simulator's URL in place of HubSpot's hosts; it serves the API and the OAuth routes.",
        examples=["http://127.0.0.1:8803"],
    )
    api_version: Literal["2026-03", "2026-09"] = Field(default="2026-03", description="Version of HubSpot's API.")
    key_property: PropertyName = Field(
        default="crossdock_key",
        description="Unique text property, made once for contacts and deals, by which the hub knows its records.",
    )
    lifecycle_stage: str | None = Field(
        default=None, pattern=r"^[a-z0-9]+$", description="Lifecycle stage of contacts.", examples=["customer"]
    )
    pipeline: str = Field(default="default", description="Internal name of the deals' pipeline.")
    stages: Stages = Field(default=Stages(), description="Deal stages of that pipeline.")
    requests_per_10_s: int = Field(default=100, ge=1, le=100_000, description="Calls in ten seconds: 100, 110 or 190.")
    concurrency: int = Field(default=10, ge=1, le=100, description="Calls at once.")

    @property
    def api_url(self) -> str:
        return self.base_url or API_URL
