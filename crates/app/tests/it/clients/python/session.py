"""Creates a client that signs in, repeats failed requests if this is safe, and raises errors as exceptions."""

import random
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import httpx

from icp_client import AuthenticatedClient
from icp_client.models import Problem
from icp_client.types import Response


class Session(httpx.Auth):
    """Gets a token for each request, because a token of Clerk expires after a minute."""

    def __init__(self, get_token: Callable[[], str]) -> None:
        self.get_token = get_token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.get_token()}"
        yield request


def connect(base_url: str, get_token: Callable[[], str]) -> AuthenticatedClient:
    arguments: dict[str, Any] = {"auth": Session(get_token), "transport": Repeating(httpx.HTTPTransport())}
    # `auth` sets the token.
    return AuthenticatedClient(base_url, token="", timeout=httpx.Timeout(30), httpx_args=arguments)


class IcpError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail} (request {problem.request_id})")
        self.problem = problem


Data = TypeVar("Data")


def ok(response: Response[Data | Problem]) -> Data:
    """Returns the data of a successful response, and raises the problem of an error."""
    if response.status_code < 300:
        return cast(Data, response.parsed)
    if isinstance(response.parsed, Problem):
        raise IcpError(response.parsed)
    # A proxy in front of the service may respond with its own error.
    raise RuntimeError(f"unexpected status {response.status_code}")


def pages(get: Callable[..., Response[Data | Problem]], **arguments: Any) -> Iterator[Data]:
    """Returns page after page, until a response has no link to the next one."""
    while True:
        response = get(**arguments)
        yield ok(response)
        following = httpx.Response(200, headers=response.headers).links.get("next")
        if following is None:
            return
        arguments["cursor"] = parse_qs(urlsplit(following["url"]).query)["cursor"][0]


ATTEMPTS = 5


class Repeating(httpx.BaseTransport):
    """
    Sends a request again if this is safe. After a 409, a 429 or a 503, nothing was done. After any other 5xx or
    without a response, a write may have been stored.
    """

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self.transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        repeatable = request.method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in request.headers
        for attempt in range(1, ATTEMPTS + 1):
            wait = random.random() * 0.2 * 2**attempt
            try:
                response = self.transport.handle_request(request)
                again = response.status_code in (409, 429, 503) or (response.status_code >= 500 and repeatable)
                if not again or attempt == ATTEMPTS:
                    return response
                response.close()
                seconds = response.headers.get("Retry-After", "")
                wait += int(seconds) if seconds.isdigit() else 0
            except httpx.TransportError:
                if not repeatable or attempt == ATTEMPTS:
                    raise
            time.sleep(wait)
        raise AssertionError("unreachable")
