"""The relay's HTTP interface, as the agent uses it: ways in for phones, and which devices there are."""

import asyncio
from typing import Any

import aiohttp
import msgspec

from mobifai.errors import RelayUnreachable, SignInRefused
from mobifai.protocol import messages as wire

ANSWER_BYTES = 64 << 10
"""As much as is read of an answer: 100 devices take some 20 KiB."""

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class RelayApi:
    """One relay, asked with the agent's token."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    async def invite(self) -> dict[str, Any]:
        """A new phone's way in: `{token, code, expires_at}`."""
        body = await self._ask("POST", "/api/pairing")
        try:
            return msgspec.to_builtins(msgspec.convert(body, wire.Invitation))  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise RelayUnreachable(f"the relay {self._url} gives no usable answer: {error}") from None

    async def devices(self) -> dict[str, Any]:
        """The account's devices."""
        return await self._ask("GET", "/api/devices")

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """Shut a device out, at once."""
        try:
            msgspec.convert(device_id, wire.Id)
        except msgspec.ValidationError:
            raise SignInRefused(f"expected a device as `mobifai devices list` shows it; found {device_id!r}") from None
        return await self._ask("DELETE", f"/api/devices/{device_id}")

    async def health(self) -> float:
        """Seconds that the relay takes to say that it is well. Raises TimeoutError when it says nothing like it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.get(f"{self._url}/health") as response,
            ):
                response.raise_for_status()
        except aiohttp.ClientError as error:
            raise TimeoutError(str(error)) from None
        return loop.time() - began

    async def _ask(self, method: str, path: str) -> dict[str, Any]:
        """The JSON answer. Raises SignInRefused with what the relay says, or RelayUnreachable."""
        if self._token is None:
            raise SignInRefused("this agent is not signed in to the relay yet; follow what `mobifai serve` says")
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(method, self._url + path, headers=headers) as response,
            ):
                if response.status == 404 and not path.startswith("/api/devices/"):
                    raise SignInRefused(
                        f"the relay {self._url} lets no agent manage phones; sign the phone in there, with this account"
                    )
                body = msgspec.json.decode(await _body(response))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RelayUnreachable(f"the relay {self._url} gives no usable answer: {error or 'time-out'}") from None
        if not isinstance(body, dict):
            raise RelayUnreachable(f"the relay {self._url} gives no usable answer")
        if response.status >= 400:
            raise SignInRefused(str(body.get("message", response.reason)))
        return dict(body)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The whole answer. Raises ValueError for one that is too long."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise ValueError(f"it is longer than {ANSWER_BYTES} bytes")
    return body
