"""Uses every operation with the code in docs/how-to/clients.md, and checks the results."""

import os
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx

from icp_client import AuthenticatedClient
from icp_client.api.icps import create_icp, delete_icp, get_icp, list_icps, update_icp
from icp_client.api.service import get_description, is_live, is_ready
from icp_client.models import (
    AiFilter,
    Icp,
    IcpPatch,
    LeadProviderCriterionInput,
    LeadProviderFilters,
    MaxPeoplePerCompanyFilterInput,
    MaxPercentFromCrmFilterInput,
    NewIcp,
    ParameterViolation,
    Problem,
    WebscrapingFilter,
    WebsiteFilter,
)
from icp_client.types import Response
from history import history
from session import IcpError, connect, ok, pages


def signed_in(token: str) -> AuthenticatedClient:
    return connect(os.environ["ICP_URL"], lambda: token)


def create_one(client: AuthenticatedClient) -> Icp:
    created = create_icp.sync_detailed(
        client=client,
        idempotency_key=str(uuid4()),
        body=NewIcp(
            name="Enterprise Tech Buyers",
            lead_provider_criteria=[
                LeadProviderCriterionInput(
                    provider="baseProvider",
                    type_="person",
                    filters=LeadProviderFilters.from_dict({"job_title": ["CTO"]}),
                )
            ],
            custom_filter_criteria=[MaxPeoplePerCompanyFilterInput(type_="maxPeoplePerCompany", value=3)],
        ),
    )
    icp = ok(created)
    assert created.headers["Location"] == f"/api/v1/entities/icps/{icp.id}"
    assert icp.lead_provider_criteria[0].filters["job_title"] == ["CTO"]
    return icp


def create_twice_with_one_key(client: AuthenticatedClient) -> None:
    def create(key: str, name: str) -> Response[Icp | Problem]:
        body = NewIcp(name=name, lead_provider_criteria=[])
        return create_icp.sync_detailed(client=client, idempotency_key=key, body=body)

    key = str(uuid4())
    first = ok(create(key, "Once"))
    assert ok(create(key, "Once")) == first
    assert code(create(key, "Twice")) == "IDEMPOTENCY_KEY_REUSED"


def list_them(client: AuthenticatedClient) -> None:
    icps = ok(list_icps.sync_detailed(client=client))
    for icp in icps:
        print(icp.id, icp.name, icp.leads_per_list)

    names = []
    for page in pages(list_icps.sync_detailed, client=client, limit=1, active=True, sort="name"):
        names += [icp.name for icp in page]
    assert names == ["Enterprise Tech Buyers", "From Tomorrow", "Once"], names


def read_again_cheaply(client: AuthenticatedClient, icp_id: UUID) -> None:
    read = get_icp.sync_detailed(icp_id, client=client)
    icp = ok(read)
    etag = read.headers["ETag"]

    again = get_icp.sync_detailed(icp_id, client=client, if_none_match=etag)
    if again.status_code != 304:
        icp = ok(again)
    assert again.status_code == 304
    assert icp.id == icp_id


def change(client: AuthenticatedClient, icp_id: UUID) -> Icp:
    while True:
        read = get_icp.sync_detailed(icp_id, client=client)
        leads = ok(read).leads_per_list
        changed = update_icp.sync_detailed(
            icp_id,
            client=client,
            if_match=read.headers["ETag"],
            body=IcpPatch(leads_per_list=leads + 5, active_until=None),
        )
        # Another user changed the ICP: read it again.
        if isinstance(changed.parsed, Problem) and changed.parsed.code == "PRECONDITION_FAILED":
            continue
        return ok(changed)


def stale_changes_are_refused(client: AuthenticatedClient, icp_id: UUID) -> None:
    body = IcpPatch(name="Mine")
    changed = update_icp.sync_detailed(icp_id, client=client, if_match='"1"', body=body)
    assert code(changed) == "PRECONDITION_FAILED"
    assert code(delete_icp.sync_detailed(icp_id, client=client, if_match='"1"')) == "PRECONDITION_FAILED"


def handle_errors(client: AuthenticatedClient, icp_id: UUID) -> list[str]:
    shown = []
    too_much = MaxPercentFromCrmFilterInput(type_="maxPercentFromCRM", value=101)
    try:
        body = IcpPatch(name="", custom_filter_criteria=[too_much])
        ok(update_icp.sync_detailed(icp_id, client=client, body=body))
    except IcpError as error:
        match error.problem.code:
            case "BAD_REQUEST":
                for fault in error.problem.errors or []:
                    place = fault.parameter if isinstance(fault, ParameterViolation) else fault.pointer
                    shown.append(f"{place}: {fault.detail}")
            case "FORBIDDEN" | "NOT_FOUND":
                shown.append("This ICP does not exist, or you have no access.")
            case _:
                raise
    return shown


def prompts(icp: Icp) -> list[str]:
    """Skips filters of unknown types, which a newer version of the service may have stored."""
    found = []
    for criterion in icp.custom_filter_criteria:
        if isinstance(criterion, WebsiteFilter | AiFilter):
            found.append(criterion.prompt)
        elif isinstance(criterion, WebscrapingFilter):
            found += [criterion.extraction_prompt, criterion.page_finding_prompt]
    return found


def code(response: Response[Any]) -> str | None:
    return response.parsed.code if isinstance(response.parsed, Problem) else None


def walk() -> None:
    client, other = signed_in(os.environ["ICP_TOKEN"]), signed_in(os.environ["ICP_OTHER_TOKEN"])
    icp_id = create_one(client).id
    create_twice_with_one_key(client)
    list_them(client)
    read_again_cheaply(client, icp_id)
    assert change(client, icp_id).leads_per_list == 15
    stale_changes_are_refused(client, icp_id)
    assert handle_errors(client, icp_id) == [
        "/customFilterCriteria/0/value: must be from 0 to 100, not 101",
        "/name: must not be empty",
    ]

    newer = ok(list_icps.sync_detailed(client=client, name="tomorrow"))
    assert [prompt for icp in newer for prompt in prompts(icp)] == ["Is it new?"]

    assert code(list_icps.sync_detailed(client=signed_in("invalid"))) == "UNAUTHORIZED"
    assert code(get_icp.sync_detailed(icp_id, client=other)) == "FORBIDDEN"
    assert delete_icp.sync_detailed(icp_id, client=client).status_code == 204
    assert code(get_icp.sync_detailed(icp_id, client=client)) == "NOT_FOUND"

    history(client, other, newer[0])
    ask_service(client)


def ask_service(client: AuthenticatedClient) -> None:
    assert is_live.sync_detailed(client=client).status_code == 200
    ready = is_ready.sync(client=client)
    assert ready is not None and ready.status == "ready", ready
    assert "openapi" in ok(get_description.sync_detailed(client=client)).additional_properties


def repeat() -> None:
    """Sends requests through a proxy that loses responses (`unreliable.rs`)."""
    client = connect(os.environ["ICP_UNRELIABLE_URL"], lambda: os.environ["ICP_OTHER_TOKEN"])
    icp_id = create_one(client).id
    body = NewIcp(name="Without a key", lead_provider_criteria=[])
    rejects(lambda: create_icp.sync_detailed(client=client, body=body))

    def patch() -> Response[Icp | Problem]:
        return update_icp.sync_detailed(icp_id, client=client, body=IcpPatch(leads_per_list=7))

    assert ok(patch()).leads_per_list == 7
    rejects(patch)
    names = [icp.name for icp in ok(list_icps.sync_detailed(client=client))]
    assert names == ["Enterprise Tech Buyers", "Without a key"], names
    ok(delete_icp.sync_detailed(icp_id, client=client))


def rejects(call: Callable[[], object]) -> None:
    try:
        call()
    except httpx.TransportError:
        return
    raise AssertionError("the request was repeated, or its response was not lost")


walk()
repeat()
