"""The device registry of a relay on another machine, used through its HTTP API."""

import asyncio
from typing import Any, TypeVar

import aiohttp
import msgspec

from mobifai.errors import RelayUnreachable, SignInRefused
from mobifai.protocol import messages
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.plain_text import one_line
from mobifai.transport.http_client import explain, relay_client_session

ANSWER_BYTES = 64 << 10
"""The maximum size of a response's body in bytes. A longer response is an error. A list of 100 devices takes about 20
KiB."""

_TIMEOUT = aiohttp.ClientTimeout(total=10)

T = TypeVar("T")


class RelayApi:
    """The HTTP API of one relay, used with the agent's token.

    Every method may raise SignInRefused, with the relay's reason, or RelayUnreachable.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Create an invitation for one phone of this kind. Return `{token, code, expires_at}`.

        `expires_at` is ISO 8601 text. Raises SignInRefused, RelayUnreachable.
        """
        invitation = await self._ask("POST", "/api/pairing", messages.Invitation, {"kind": kind.value})
        try:
            invitation.expires_at.astimezone()
        except (ValueError, OverflowError, OSError):
            raise self._unusable(f"expected a time of expiry; found {invitation.expires_at.isoformat()}") from None
        return msgspec.to_builtins(invitation)  # type: ignore[no-any-return]

    async def devices(self) -> dict[str, Any]:
        """Return the devices of the agent's account: `{devices: [...]}`, with the fields of `messages.ListedDevice`."""
        return msgspec.to_builtins(  # type: ignore[no-any-return]
            await self._ask("GET", "/api/devices", messages.ListedDevices)
        )

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """Revoke a device of the agent's account immediately. Return `{deviceId}`."""
        try:
            msgspec.convert(device_id, messages.Id)
        except msgspec.ValidationError:
            raise SignInRefused(f"expected a device id from `mobifai devices list`; found {device_id!r}") from None
        await self._ask("DELETE", f"/api/devices/{device_id}", messages.Empty)
        return {"deviceId": device_id}

    async def health(self) -> float:
        """Send the relay a health check. Return how many seconds the relay took to answer.

        Raises TimeoutError if the relay does not answer or reports an error.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with relay_client_session(_TIMEOUT) as session, session.get(f"{self._url}/health") as response:
                response.raise_for_status()
        except Exception as error:  # the library raises many kinds of errors for a bad response
            raise TimeoutError(explain(error, self._url)) from None
        return loop.time() - began

    async def _ask(self, method: str, path: str, expected: type[T], asked: dict[str, str] | None = None) -> T:
        """Send the relay a request with the JSON body `asked`. Return its answer as a value of the type `expected`.

        Raises SignInRefused if the relay refuses the request, and RelayUnreachable if it gives no usable answer.
        """
        if self._token is None:
            raise SignInRefused(
                "this agent is not signed in to the relay yet; open the address that `mobifai serve` prints"
            )
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                relay_client_session(_TIMEOUT) as session,
                session.request(method, self._url + path, headers=headers, json=asked) as response,
            ):
                status, body = response.status, await _body(response)
        except Exception as error:  # the library raises many kinds of errors for a bad response
            raise self._unusable(explain(error, self._url)) from None
        if status == 404 and not path.startswith("/api/devices/"):
            raise SignInRefused(
                f"the relay {self._url} does not let agents manage phones; sign in there on the phone, "
                "with the agent's account"
            )
        if status >= 400:
            raise SignInRefused(_refusal(self._url, body, status))
        try:
            return msgspec.json.decode(body, type=expected)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._unusable(one_line(error)) from None

    def _unusable(self, reason: str) -> RelayUnreachable:
        return RelayUnreachable(f"the relay {self._url} gave no usable answer: {reason}")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body of a response. Raises RelayUnreachable if it is too long or compressed."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RelayUnreachable("expected an uncompressed response; found a compressed one")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise RelayUnreachable(f"expected an answer of at most {ANSWER_BYTES} bytes; found a longer one")
    return bytes(body)


def _refusal(url: str, body: bytes, status: int) -> str:
    """Return the reason that the relay gives for refusing a request, or a general text if it gives none."""
    try:
        message = one_line(msgspec.json.decode(body, type=messages.Notice).message)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        message = ""
    return message or f"the relay {url} refused the agent's request (HTTP status {status})"
