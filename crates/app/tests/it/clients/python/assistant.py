"""The whole life of an ICP through the tools, with the official client."""

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

    async def call(self, tool: str, **arguments: Any) -> Any:
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
    assert tools == {
        "list_icps", "get_icp", "create_icp", "update_icp", "delete_icp", "validate_icp", "share_icp", "unshare_icp",
        "copy_icp", "list_revisions", "get_revision", "restore_icp", "list_deleted_icps",
    }, tools

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
    await assistant.call("delete_icp", **of_this, ifMatch=changed["version"])
    assert (await assistant.fail("get_icp", **of_this))["code"] == "NOT_FOUND"


async def main() -> None:
    token = os.environ["ICP_TOKEN"]
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        async with streamable_http_client(URL, http_client=http) as (read, write):
            async with ClientSession(read, write) as session:
                await use(session)
    async with httpx2.AsyncClient() as http:
        answer = await http.post(URL, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert answer.status_code == 401, answer
    print("done")


if __name__ == "__main__":
    asyncio.run(main())
