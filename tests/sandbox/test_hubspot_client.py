"""The library hubspot-api-client, unmodified, over a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import hubspot
import pytest
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest as LinkInputs
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException as ContactsError
from hubspot.crm.deals import SimplePublicObjectInputForCreate as DealForCreate
from hubspot.crm.deals.exceptions import ApiException as DealsError
from hubspot.crm.properties import PropertyCreate

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.hubspot import HubSpotSimulator
from crossdock.sandbox.serve import serve


class Portal:
    """The simulator and the library's client of it; `do` runs a call of the library in a thread."""

    def __init__(self, simulator: HubSpotSimulator) -> None:
        self.simulator = simulator
        token = simulator.credentials()["access_token"]
        self.client = hubspot.Client.create(access_token=token, host=simulator.url)
        self.contacts = self.client.crm.contacts.basic_api
        self.batch = self.client.crm.contacts.batch_api
        self.deals = self.client.crm.deals.basic_api

    async def do(self, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(call, *given, **named)

    async def contact(self, email: str, **properties: str) -> Any:
        wanted = SimplePublicObjectInputForCreate(associations=[], properties={"email": email, **properties})
        return await self.do(self.contacts.create, simple_public_object_input_for_create=wanted)

    async def deal(self, associations: Any = (), **properties: str) -> Any:
        wanted = DealForCreate(associations=list(associations), properties=properties)
        return await self.do(self.deals.create, simple_public_object_input_for_create=wanted)


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    simulator = HubSpotSimulator(clock=StillClock())
    (served,) = await serve([simulator])
    yield Portal(simulator)
    await served.close()


async def test_a_contact_is_created_read_by_email_changed_and_archived(portal: Portal) -> None:
    made = await portal.contact("Zoe@Example.com", firstname="Zoë")
    assert made.properties["email"] == "zoe@example.com"
    assert int(made.id) > 0
    found = await portal.do(
        portal.contacts.get_by_id, "ZOE@example.com", id_property="email", properties=["phone", "firstname", "no_such"]
    )
    assert (found.id, found.properties["firstname"], found.properties["phone"]) == (made.id, "Zoë", None)
    assert "no_such" not in found.properties
    change = SimplePublicObjectInput(properties={"phone": "+15145550100"})
    await portal.do(portal.contacts.update, "zoe@example.com", change, id_property="email")
    again = await portal.do(portal.contacts.get_by_id, made.id, properties=["phone"])
    assert again.properties["phone"] == "+15145550100"
    assert again.updated_at > made.updated_at
    await portal.do(portal.contacts.archive, made.id)
    await portal.do(portal.contacts.archive, made.id)
    with pytest.raises(ContactsError, match="OBJECT_NOT_FOUND") as refused:
        await portal.do(portal.contacts.get_by_id, made.id)
    assert refused.value.status == 404
    archived = await portal.do(portal.contacts.get_by_id, made.id, archived=True)
    assert archived.archived


async def test_a_second_contact_with_the_same_email_is_refused_with_the_id_of_the_first(portal: Portal) -> None:
    first = await portal.contact("zoe@example.com")
    with pytest.raises(ContactsError, match=f"Contact already exists. Existing ID: {first.id}") as refused:
        await portal.contact("ZOE@EXAMPLE.COM")
    assert refused.value.status == 409
    assert '"category":"CONFLICT"' in refused.value.body


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"colour": "red"}, "PROPERTY_DOESNT_EXIST"),
        ({"email": "not an address"}, "INVALID_EMAIL"),
        ({"lifecyclestage": "astronaut"}, "INVALID_OPTION"),
        ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
        ({"hubspot_owner_id": "1"}, "INVALID_OPTION"),
    ],
)
async def test_a_wrong_contact_value_is_told_as_json_inside_the_message(
    portal: Portal, properties: dict[str, str], code: str
) -> None:
    with pytest.raises(ContactsError) as refused:
        await portal.contact(**{"email": "a@example.com", **properties})
    assert refused.value.status == 400
    assert f'\\"error\\":\\"{code}\\"' in refused.value.body
    assert "VALIDATION_ERROR" in refused.value.body


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"dealstage": "142300101"}, "INVALID_OPTION"),
        ({"pipeline": "75204861", "dealstage": "closedwon"}, "INVALID_OPTION"),
        ({"pipeline": "no such"}, "INVALID_OPTION"),
        ({"deal_currency_code": "JPY"}, "INVALID_OPTION"),
        ({"amount": "12,50"}, "INVALID_INTEGER"),
        ({"closedate": "yesterday"}, "INVALID_DATE"),
    ],
)
async def test_a_wrong_deal_value_is_refused(portal: Portal, properties: dict[str, str], code: str) -> None:
    with pytest.raises(DealsError) as refused:
        await portal.deal(dealname="Order", **properties)
    assert refused.value.status == 400
    assert code in refused.value.body


async def test_a_deal_that_closes_without_a_date_closes_now(portal: Portal) -> None:
    made = await portal.deal(dealname="Order #1001", dealstage="closedwon", amount="92.66", deal_currency_code="CAD")
    assert made.properties["pipeline"] == "default"
    assert made.properties["closedate"] == "2026-01-01T00:00:00Z"
    read = await portal.do(
        portal.deals.get_by_id,
        made.id,
        properties=["hs_is_closed_won", "amount_in_home_currency", "deal_currency_code"],
    )
    assert read.properties["hs_is_closed_won"] == "true"
    assert read.properties["amount_in_home_currency"] == "92.66"


async def test_an_upsert_by_email_makes_and_changes_and_reports_each(portal: Portal) -> None:
    await portal.contact("old@example.com")
    inputs = [
        {
            "id": "OLD@example.com",
            "idProperty": "email",
            "properties": {"firstname": "Old"},
            "objectWriteTraceId": "t1",
        },
        {
            "id": "new@example.com",
            "idProperty": "email",
            "properties": {"firstname": "New"},
            "objectWriteTraceId": "t2",
        },
        {"id": "bad@example.com", "idProperty": "email", "properties": {"colour": "red"}, "objectWriteTraceId": "t3"},
    ]
    answer = await portal.do(portal.batch.upsert, BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))
    assert {one.object_write_trace_id: one.new for one in answer.results} == {"t1": False, "t2": True}
    assert answer.num_errors == 1
    assert answer.errors[0].context == {"objectWriteTraceId": ["t3"]}
    assert answer.errors[0].category == "VALIDATION_ERROR"
    found = await portal.do(portal.contacts.get_by_id, "new@example.com", id_property="email")
    assert found.properties["firstname"] == "New"


async def test_without_trace_ids_one_bad_input_fails_the_whole_batch(portal: Portal) -> None:
    inputs = [
        {"properties": {"email": "a@example.com"}, "associations": []},
        {"properties": {"colour": "red"}, "associations": []},
    ]
    with pytest.raises(ContactsError) as refused:
        await portal.do(portal.batch.create, BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert refused.value.status == 400
    assert portal.simulator.list("contacts") == []


@pytest.mark.parametrize(
    "inputs", [[], [{"id": f"{n}@example.com", "idProperty": "email", "properties": {}} for n in range(101)]]
)
async def test_a_batch_holds_one_to_a_hundred_inputs(portal: Portal, inputs: list[Any]) -> None:
    with pytest.raises(ContactsError) as refused:
        await portal.do(portal.batch.upsert, {"inputs": inputs})
    assert refused.value.status == 400


async def test_a_batch_read_names_the_ids_it_lacks(portal: Portal) -> None:
    made = await portal.contact("zoe@example.com")
    asked = BatchReadInputSimplePublicObjectId(
        properties=["firstname"], properties_with_history=[], inputs=[{"id": made.id}, {"id": "99999"}]
    )
    answer = await portal.do(portal.batch.read, asked)
    assert [one.id for one in answer.results] == [made.id]
    assert (answer.errors[0].category, answer.errors[0].context) == ("OBJECT_NOT_FOUND", {"ids": ["99999"]})


async def test_batches_update_and_archive(portal: Portal) -> None:
    made = [await portal.contact(f"c{number}@example.com") for number in range(3)]
    changes = [{"id": one.id, "properties": {"city": "Montréal"}} for one in made]
    answer = await portal.do(portal.batch.update, BatchInputSimplePublicObjectBatchInput(inputs=changes))
    assert answer.status == "COMPLETE"
    ids = [{"id": one.id} for one in made[:2]]
    await portal.do(portal.batch.archive, BatchInputSimplePublicObjectId(inputs=ids))
    left = [one for one in portal.simulator.list("contacts") if not one["archived"]]
    assert [one["properties"]["city"] for one in left] == ["Montréal"]


async def test_a_search_lags_behind_and_a_read_by_unique_property_does_not(portal: Portal) -> None:
    made = await portal.contact("zoe@example.com")
    asked = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "email", "operator": "EQ", "value": "Zoe@example.com"}]}],
        properties=["email"],
        limit=10,
        after="0",
        sorts=[],
    )
    found = await portal.do(portal.client.crm.contacts.search_api.do_search, asked)
    assert found.total == 0
    assert (await portal.do(portal.contacts.get_by_id, "zoe@example.com", id_property="email")).id == made.id
    portal.simulator.clock.advance(10)  # type: ignore[attr-defined]
    found = await portal.do(portal.client.crm.contacts.search_api.do_search, asked)
    assert [one.id for one in found.results] == [made.id]


async def test_every_page_of_a_list_is_read_once(portal: Portal) -> None:
    portal.simulator.seed({"contacts": [{"email": f"c{number}@example.com"} for number in range(205)]})
    everyone = await portal.do(portal.client.crm.contacts.get_all, properties=["email"])
    assert len({one.properties["email"] for one in everyone}) == len(everyone) == 205


async def test_an_own_unique_property_identifies_deals(portal: Portal) -> None:
    wanted = PropertyCreate(
        name="shop_order_gid",
        label="Shop order",
        type="string",
        field_type="text",
        group_name="dealinformation",
        has_unique_value=True,
    )
    made = await portal.do(portal.client.crm.properties.core_api.create, "deals", property_create=wanted)
    assert made.has_unique_value
    gid = "gid://shopify/Order/1"
    inputs = [{"id": gid, "idProperty": "shop_order_gid", "properties": {"dealname": "Order"}}]
    first = await portal.do(portal.client.crm.deals.batch_api.upsert, {"inputs": inputs})
    second = await portal.do(portal.client.crm.deals.batch_api.upsert, {"inputs": inputs})
    assert (first.results[0].new, second.results[0].new) == (True, False)
    assert first.results[0].id == second.results[0].id
    found = await portal.do(portal.deals.get_by_id, gid, id_property="shop_order_gid")
    assert found.id == first.results[0].id
    with pytest.raises(DealsError, match="non-unique 0-3 property dealname"):
        await portal.do(portal.deals.get_by_id, "Order", id_property="dealname")
    with pytest.raises(DealsError) as refused:
        await portal.deal(dealname="Copy", shop_order_gid=gid)
    assert refused.value.status == 400
    assert "CONFLICTING_UNIQUE_VALUE" in refused.value.body


async def test_associations_are_made_on_create_by_default_and_with_labels(portal: Portal) -> None:
    zoe, anna = await portal.contact("zoe@example.com"), await portal.contact("anna@example.com")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
    deal = await portal.deal([{"to": {"id": zoe.id}, "types": types}], dealname="Order")
    links = portal.client.crm.associations.v4.basic_api
    for _ in range(2):
        await portal.do(links.create_default, "deals", deal.id, "contacts", anna.id)
    page = await portal.do(links.get_page, "deals", deal.id, "contacts")
    assert [one.to_object_id for one in page.results] == [zoe.id, anna.id]
    assert page.results[0].association_types[0].type_id == 3
    back = await portal.do(links.get_page, "contacts", zoe.id, "deals")
    assert back.results[0].association_types[0].type_id == 4
    read = await portal.do(portal.deals.get_by_id, deal.id, associations=["contacts"])
    assert read.associations["contacts"].results[0].type == "deal_to_contact"
    batch = portal.client.crm.associations.v4.batch_api
    many = await portal.do(batch.get_page, "deals", "contacts", LinkInputs(inputs=[{"id": deal.id}]))
    assert len(many.results[0].to) == 2
    wrong = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4}]
    with pytest.raises(hubspot.crm.associations.v4.exceptions.ApiException) as refused:
        await portal.do(links.create, "deals", deal.id, "contacts", anna.id, wrong)
    assert refused.value.status == 400
    await portal.do(links.archive, "deals", deal.id, "contacts", zoe.id)
    page = await portal.do(links.get_page, "deals", deal.id, "contacts")
    assert [one.to_object_id for one in page.results] == [anna.id]


async def test_a_pipeline_tells_which_stages_are_closed(portal: Portal) -> None:
    found = await portal.do(portal.client.crm.pipelines.pipelines_api.get_all, "deals")
    assert {one.id for one in found.results} == {"default", "75204861"}
    stages = {stage.id: stage.metadata for pipeline in found.results for stage in pipeline.stages}
    assert stages["closedwon"] == {"isClosed": "true", "probability": "1.0"}


async def test_a_merge_gives_the_survivor_a_new_id(portal: Portal) -> None:
    zoe, twin = await portal.contact("zoe@example.com"), await portal.contact("zoe2@example.com", phone="1")
    merged = await portal.do(
        portal.client.crm.contacts.basic_api.merge, {"primaryObjectId": zoe.id, "objectIdToMerge": twin.id}
    )
    assert merged.id not in {zoe.id, twin.id}
    with pytest.raises(ContactsError):
        await portal.do(portal.contacts.get_by_id, zoe.id)
    found = await portal.do(portal.contacts.get_by_id, merged.id, properties=["phone", "hs_merged_object_ids"])
    assert (found.properties["phone"], found.properties["hs_merged_object_ids"]) == ("1", f"{zoe.id};{twin.id}")
    with pytest.raises(ContactsError, match=f"Existing ID: {merged.id}"):
        await portal.contact("zoe2@example.com")


async def test_oauth_tokens_live_half_an_hour_and_keep_their_refresh_token(portal: Portal) -> None:
    keys = portal.simulator.credentials()
    back = portal.simulator.office.authorize(
        {"client_id": keys["client_id"], "redirect_uri": "http://127.0.0.1/x"}, portal.simulator.clock()
    )
    tokens = hubspot.Client.create(host=portal.simulator.url).oauth.tokens_api
    secret = {"client_id": keys["client_id"], "client_secret": keys["client_secret"]}
    granted = await portal.do(
        tokens.create, grant_type="authorization_code", code=back["code"], redirect_uri="http://127.0.0.1/x", **secret
    )
    assert granted.expires_in == 1800
    guest = hubspot.Client.create(access_token=granted.access_token, host=portal.simulator.url)
    await portal.do(guest.crm.contacts.basic_api.get_page)
    portal.simulator.clock.advance(1801)  # type: ignore[attr-defined]
    with pytest.raises(ContactsError, match="EXPIRED_AUTHENTICATION"):
        await portal.do(guest.crm.contacts.basic_api.get_page)
    again = await portal.do(tokens.create, grant_type="refresh_token", refresh_token=granted.refresh_token, **secret)
    assert again.refresh_token == granted.refresh_token
    guest.access_token = again.access_token
    await portal.do(guest.crm.contacts.basic_api.get_page)
