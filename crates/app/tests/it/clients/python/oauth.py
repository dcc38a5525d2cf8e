"""An MCP client that knows only the URL of the endpoint. The official library discovers how to sign in, and signs in."""

import asyncio
import os
from urllib.parse import parse_qs, urlparse

import httpx2
from mcp import ClientSession
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from assistant import use

URL = os.environ["ICP_URL"] + "/mcp"
# The ID of a client that an administrator registered. In this test, such a client sends no `resource`. If the ID is
# empty, the client registers itself and sends `resource`.
CLIENT_ID = os.environ["ICP_CLIENT_ID"]
REDIRECT_URI = AnyUrl("http://127.0.0.1:9/callback")


class Storage:
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Browser:
    """Opens the page of the authorization server, which redirects to the client with a code."""

    location = ""

    async def open(self, url: str) -> None:
        async with httpx2.AsyncClient() as http:
            response = await http.get(url)
        assert response.status_code == 302, response
        self.location = response.headers["location"]

    async def code(self) -> AuthorizationCodeResult:
        query = parse_qs(urlparse(self.location).query)
        return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0])


async def main() -> None:
    browser, storage = Browser(), Storage()
    if CLIENT_ID:
        storage.client = OAuthClientInformationFull(
            client_id=CLIENT_ID, redirect_uris=[REDIRECT_URI], token_endpoint_auth_method="none"
        )
    provider = OAuthClientProvider(
        server_url=URL,
        client_metadata=OAuthClientMetadata(
            client_name="test", redirect_uris=[REDIRECT_URI], token_endpoint_auth_method="none"
        ),
        storage=storage,
        redirect_handler=browser.open,
        callback_handler=browser.code,
    )
    if CLIENT_ID:
        provider.context.should_include_resource_param = lambda protocol_version=None: False  # type: ignore[method-assign]
    async with httpx2.AsyncClient(auth=provider) as http:
        async with streamable_http_client(URL, http_client=http) as (read, write):
            async with ClientSession(read, write) as session:
                await use(session)
    print("done")


asyncio.run(main())
