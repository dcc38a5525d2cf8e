"""Shares, copies and restores an ICP with the code in docs/how-to/clients.md, and checks the results."""

from typing import Any
from uuid import UUID, uuid4

from icp_client import AuthenticatedClient
from icp_client.api.history import get_revision, list_deleted_icps, list_revisions, restore_icp
from icp_client.api.icps import add_user, copy_icp, delete_icp, get_icp, remove_user, update_icp
from icp_client.models import Icp, IcpCopy, IcpPatch, IcpRestore, Problem
from session import ok, pages


def share(client: AuthenticatedClient, icp_id: UUID) -> Icp:
    return ok(add_user.sync_detailed(icp_id, "user_eve", client=client))


def unshare(client: AuthenticatedClient, icp_id: UUID) -> Icp:
    return ok(remove_user.sync_detailed(icp_id, "user_eve", client=client))


def copy(client: AuthenticatedClient, icp_id: UUID) -> Icp:
    copied = copy_icp.sync_detailed(
        icp_id,
        client=client,
        idempotency_key=str(uuid4()),
        body=IcpCopy(name="Second market"),
    )
    return ok(copied)


def changes(client: AuthenticatedClient, icp_id: UUID) -> list[str]:
    shown = []
    for page in pages(list_revisions.sync_detailed, id=icp_id, client=client, limit=2):
        for revision in page:
            shown.append(" ".join([revision.by or "unknown", revision.operation, *revision.changed]))
    return shown


def restore_previous(client: AuthenticatedClient, icp_id: UUID) -> Icp:
    newest, previous = ok(list_revisions.sync_detailed(icp_id, client=client, limit=2))
    icp = ok(get_revision.sync_detailed(icp_id, previous.revision, client=client)).icp
    print(f"Restoring {icp.name}")
    restored = restore_icp.sync_detailed(
        icp_id,
        client=client,
        if_match=f'"{newest.revision}"',
        body=IcpRestore(revision=previous.revision),
    )
    return ok(restored)


def restore_deleted(client: AuthenticatedClient, name: str) -> Icp:
    for page in pages(list_deleted_icps.sync_detailed, client=client):
        for deleted in page:
            if deleted.icp.name == name:
                body = IcpRestore(revision=deleted.revision)
                return ok(restore_icp.sync_detailed(deleted.icp.id, client=client, body=body))
    raise RuntimeError(f"no deleted ICP has the name {name}")


def content(icp: Icp, **others: Any) -> dict[str, Any]:
    """Returns the ICP without the time of its last change."""
    return {**icp.to_dict(), "updatedAt": None, **others}


def history(client: AuthenticatedClient, other: AuthenticatedClient, icp: Icp) -> None:
    """Shares, copies and restores an ICP with parts that this version does not know. These parts must not change."""
    assert share(client, icp.id).user_ids == ["user_ada", "user_eve"]
    ok(get_icp.sync_detailed(icp.id, client=other))
    copied = copy(other, icp.id)
    own = {"id": str(copied.id), "createdAt": copied.to_dict()["createdAt"]}
    assert content(copied) == content(icp, name="Second market", userIds=["user_eve"], **own)
    ok(delete_icp.sync_detailed(copied.id, client=other))
    assert content(unshare(client, icp.id)) == content(icp)
    refused = list_revisions.sync_detailed(icp.id, client=other).parsed
    assert isinstance(refused, Problem) and refused.code == "FORBIDDEN", refused

    ok(update_icp.sync_detailed(icp.id, client=client, body=IcpPatch(name="Renamed")))
    assert content(restore_previous(client, icp.id)) == content(icp)
    ok(delete_icp.sync_detailed(icp.id, client=client))
    assert content(restore_deleted(client, icp.name)) == content(icp)
    assert changes(client, icp.id) == [
        "user_ada restore",
        "user_ada delete",
        "user_ada restore name",
        "user_ada update name",
        "user_ada update userIds",
        "user_ada update userIds",
        "unknown create",
    ]
