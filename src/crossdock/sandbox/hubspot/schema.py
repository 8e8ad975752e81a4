"""What a portal knows before anybody adds to it: object types, properties, pipelines, association types.

Sources: HubSpot docs, "Properties" and "Pipelines": names, types and defaults; the association types of the official
Python client, 12.0.0.
"""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

Kind = Literal["string", "number", "date", "datetime", "enumeration", "bool", "phone_number"]

TYPE_IDS: Final = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
"""Names and ids are accepted alike in paths."""

SINGULAR: Final = {"contacts": "contact", "companies": "company", "deals": "deal"}
OWNER_ID: Final = "41629779"
"""The account's only user; a record's owner must exist."""

CURRENCIES: Final = ("CAD", "EUR", "USD")
"""Enabled in the account; the first is the home currency."""


@dataclass(frozen=True)
class Option:
    label: str
    value: str


@dataclass(frozen=True)
class Property:
    name: str
    label: str
    type: Kind = "string"
    field_type: str = "text"
    group: str = "information"
    description: str = ""
    options: tuple[Option, ...] = ()
    unique: bool = False
    read_only: bool = False
    hubspot_defined: bool = True
    created_at: float = 0.0
    archived: bool = False


@dataclass(frozen=True)
class Stage:
    id: str
    label: str
    probability: str
    closed: bool


@dataclass(frozen=True)
class Pipeline:
    id: str
    label: str
    stages: tuple[Stage, ...] = ()


SALES: Final = Pipeline(
    "default",
    "Sales Pipeline",
    (
        Stage("appointmentscheduled", "Appointment Scheduled", "0.2", False),
        Stage("qualifiedtobuy", "Qualified To Buy", "0.4", False),
        Stage("presentationscheduled", "Presentation Scheduled", "0.6", False),
        Stage("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", False),
        Stage("contractsent", "Contract Sent", "0.9", False),
        Stage("closedwon", "Closed Won", "1.0", True),
        Stage("closedlost", "Closed Lost", "0.0", True),
    ),
)
ONLINE_SHOP: Final = Pipeline(
    "75204861",
    "Online shop",
    (
        Stage("142300101", "Ordered", "0.8", False),
        Stage("142300102", "Paid", "1.0", True),
        Stage("142300103", "Refunded", "0.0", True),
    ),
)

LIFECYCLE: Final = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)


@dataclass(frozen=True)
class AssociationType:
    """`id` is directed: deal → contact is 3, contact → deal is 4. `primary` marks the labelled kind (ids of line
    items and tickets are left out)."""

    id: int
    label: str | None = None


ASSOCIATIONS: Final[dict[tuple[str, str], tuple[AssociationType, ...]]] = {
    ("contacts", "companies"): (AssociationType(279), AssociationType(1, "Primary")),
    ("companies", "contacts"): (AssociationType(280), AssociationType(2, "Primary")),
    ("deals", "contacts"): (AssociationType(3),),
    ("contacts", "deals"): (AssociationType(4),),
    ("deals", "companies"): (AssociationType(341), AssociationType(5, "Primary")),
    ("companies", "deals"): (AssociationType(342), AssociationType(6, "Primary")),
}
"""Of each direction the first is the unlabelled default."""

REVERSE: Final = {279: 280, 280: 279, 1: 2, 2: 1, 3: 4, 4: 3, 341: 342, 342: 341, 5: 6, 6: 5}


def modified_name(kind: str) -> str:
    """Contacts say `lastmodifieddate`, all others `hs_lastmodifieddate`."""
    return "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"


DEFAULTS: Final = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": (
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
}
"""What an answer holds of a record unless properties are asked for by name."""


def _texts(*names: str) -> list[Property]:
    return [Property(name, name.capitalize()) for name in names]


def _own(kind: str) -> list[Property]:
    stamps = [Property(name, name, "datetime", "date", read_only=True) for name in ("createdate", modified_name(kind))]
    return [
        *stamps,
        Property("hs_object_id", "Record ID", "number", "number", read_only=True),
        Property("hubspot_owner_id", "Owner", "enumeration", "select", options=(Option("Joanna", OWNER_ID),)),
    ]


def _choices(*values: str) -> tuple[Option, ...]:
    return tuple(Option(value.capitalize(), value) for value in values)


def properties(kind: str) -> dict[str, Property]:
    """Fresh definitions of one object type, by name."""
    found = _own(kind)
    if kind == "contacts":
        found += _texts("firstname", "lastname", "company", "jobtitle", "address", "city", "state", "zip", "country")
        found += [
            Property("email", "Email", unique=True),
            Property("phone", "Phone Number", field_type="phonenumber"),
            Property("mobilephone", "Mobile Phone Number", field_type="phonenumber"),
            Property("hs_calculated_phone_number", "Calculated Phone Number", read_only=True),
            Property("hs_country_region_code", "Country/Region Code"),
            Property("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox"),
            Property("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", read_only=True),
            Property("hs_email_optout", "Unsubscribed", "bool", "booleancheckbox", read_only=True),
            Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options=_choices(*LIFECYCLE)),
        ]
    elif kind == "companies":
        found += _texts("name", "domain", "phone", "address", "city", "state", "zip", "country")
        found += [
            Property("annualrevenue", "Annual Revenue", "number", "number"),
            Property("numberofemployees", "Number of Employees", "number", "number"),
        ]
    elif kind == "deals":
        found += _texts("dealname", "description")
        found += [
            Property("pipeline", "Pipeline", "enumeration", "select"),
            Property("dealstage", "Deal Stage", "enumeration", "radio"),
            Property("amount", "Amount", "number", "number"),
            Property("amount_in_home_currency", "Amount in company currency", "number", "number", read_only=True),
            Property("deal_currency_code", "Currency", "enumeration", "select", options=_choices(*CURRENCIES)),
            Property("closedate", "Close Date", "datetime", "date"),
            Property(
                "dealtype", "Deal Type", "enumeration", "radio", options=_choices("newbusiness", "existingbusiness")
            ),
            Property("hs_is_closed", "Is Closed", "bool", "booleancheckbox", read_only=True),
            Property("hs_is_closed_won", "Is Closed Won", "bool", "booleancheckbox", read_only=True),
        ]
    return {one.name: replace(one, group=f"{SINGULAR[kind]}information") for one in found}


@dataclass
class Catalogue:
    """Definitions of one portal, by object type; unique properties are at most ten per type besides the built-in."""

    properties: dict[str, dict[str, Property]] = field(
        default_factory=lambda: {kind: properties(kind) for kind in TYPE_IDS}
    )
    pipelines: tuple[Pipeline, ...] = (SALES, ONLINE_SHOP)

    def stage(self, pipeline_id: str, stage_id: str) -> Stage | None:
        for pipeline in self.pipelines:
            if pipeline.id == pipeline_id:
                return next((stage for stage in pipeline.stages if stage.id == stage_id), None)
        return None
