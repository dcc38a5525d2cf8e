"""Uses every tool on an ICP, from its creation to its deletion, with the official MCP client."""

import asyncio
import json
import os
import uuid
from typing import Any

import httpx2
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

URL = os.environ["ICP_URL"] + "/mcp"


def text_of(result: CallToolResult) -> Any:
    [content] = result.content
    assert isinstance(content, TextContent), content
    return json.loads(content.text)


class Assistant:
    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self.used: set[str] = set()

    async def call(self, tool: str, **arguments: Any) -> Any:
        self.used.add(tool)
        result = await self.session.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult) and not result.is_error, result
        return text_of(result)

    async def fail(self, tool: str, **arguments: Any) -> Any:
        result = await self.session.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult) and result.is_error, result
        return text_of(result)


async def use(session: ClientSession) -> None:
    hello = await session.initialize()
    assert hello.server_info.name == "icp", hello
    tools = {tool.name for tool in (await session.list_tools()).tools}

    assistant = Assistant(session)
    samples = (await assistant.call("list_icps", sort="name"))["icps"]
    assert [icp["name"] for icp in samples] == ["Enterprise Tech Buyers", "SMB Marketing Leaders"], samples

    icp = {"name": "From an assistant", "leadProviderCriteria": []}
    assert await assistant.call("validate_icp", icp=icp) == {"valid": True}
    problem = await assistant.fail("validate_icp", icp={**icp, "leadsPerList": 0})
    assert [fault["pointer"] for fault in problem["errors"]] == ["/leadsPerList"], problem

    key = str(uuid.uuid4())
    created = await assistant.call("create_icp", icp=icp, idempotencyKey=key)
    assert await assistant.call("create_icp", icp=icp, idempotencyKey=key) == created
    of_this = {"id": created["icp"]["id"]}
    assert await assistant.call("get_icp", **of_this) == created
    changed = await assistant.call("update_icp", **of_this, changes={"leadsPerList": 50}, ifMatch=created["version"])
    assert changed["icp"]["leadsPerList"] == 50, changed
    problem = await assistant.fail("delete_icp", **of_this, ifMatch=created["version"])
    assert problem["code"] == "PRECONDITION_FAILED", problem

    unshared = await share_and_copy(assistant, changed)
    await restore(assistant, created, unshared)
    assert assistant.used == tools, tools ^ assistant.used


async def share_and_copy(assistant: Assistant, icp: Any) -> Any:
    of_this = {"id": icp["icp"]["id"]}
    users = icp["icp"]["userIds"]
    shared = await assistant.call("share_icp", **of_this, userId="user_bob", ifMatch=icp["version"])
    assert shared["icp"]["userIds"] == [*users, "user_bob"], shared
    unshared = await assistant.call("unshare_icp", **of_this, userId="user_bob", ifMatch=shared["version"])
    assert unshared["icp"]["userIds"] == users, unshared

    arguments = {**of_this, "name": "A copy", "idempotencyKey": str(uuid.uuid4())}
    copy = await assistant.call("copy_icp", **arguments)
    assert await assistant.call("copy_icp", **arguments) == copy
    own = {name: copy["icp"][name] for name in ("id", "createdAt", "updatedAt")}
    assert copy["icp"] == {**icp["icp"], **own, "name": "A copy"}, copy
    assert await assistant.call("delete_icp", id=copy["icp"]["id"]) == {"deleted": True}
    return unshared


async def restore(assistant: Assistant, created: Any, current: Any) -> None:
    """Restores the state after the create, deletes the ICP, restores it, and deletes it again."""
    of_this = {"id": created["icp"]["id"]}
    page = await assistant.call("list_revisions", **of_this, limit=3)
    rest = await assistant.call("list_revisions", **of_this, cursor=page["nextCursor"])
    assert "nextCursor" not in rest, rest
    revisions = page["revisions"] + rest["revisions"]
    assert [(revision["operation"], revision["changed"]) for revision in revisions] == [
        ("update", ["userIds"]),
        ("update", ["userIds"]),
        ("update", ["leadsPerList"]),
        ("create", []),
    ], revisions
    [user] = created["icp"]["userIds"]
    assert {(revision["by"], revision["source"]) for revision in revisions} == {(user, "mcp")}, revisions
    revision = {"revision": created["version"]}
    assert (await assistant.call("get_revision", **of_this, **revision))["revision"]["icp"] == created["icp"]

    problem = await assistant.fail("restore_icp", **of_this, **revision, ifMatch=created["version"])
    assert problem["code"] == "PRECONDITION_FAILED", problem
    restored = await assistant.call("restore_icp", **of_this, **revision, ifMatch=current["version"])
    assert restored["icp"] == {**created["icp"], "updatedAt": restored["icp"]["updatedAt"]}, restored

    await assistant.call("delete_icp", **of_this, ifMatch=restored["version"])
    assert (await assistant.fail("get_icp", **of_this))["code"] == "NOT_FOUND"
    [deleted] = (await assistant.call("list_deleted_icps", limit=1))["deleted"]
    assert (deleted["operation"], deleted["icp"]) == ("delete", restored["icp"]), deleted
    back = await assistant.call("restore_icp", **of_this, revision=deleted["revision"])
    assert back["icp"] == {**restored["icp"], "updatedAt": back["icp"]["updatedAt"]}, back
    await assistant.call("delete_icp", **of_this, ifMatch=back["version"])


async def main() -> None:
    token = os.environ["ICP_TOKEN"]
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        async with streamable_http_client(URL, http_client=http) as (read, write):
            async with ClientSession(read, write) as session:
                await use(session)
    async with httpx2.AsyncClient() as http:
        response = await http.post(URL, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert response.status_code == 401, response
    print("done")


if __name__ == "__main__":
    asyncio.run(main())
