"""The relay that the agent uses: one of its own in this process, or one elsewhere."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from mobifai.bounds import Ledger
from mobifai.config import Config, RelayConfig
from mobifai.relay.addresses import public_url
from mobifai.relay.server import Relay
from mobifai.state import StateDir


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The relay in use: how we reach it, how phones do, and our token for it from before.

    `port` and `relay` are those of an own relay.
    """

    url: str
    public_url: str
    token: str | None
    port: int | None = None
    relay: Relay | None = None


async def open_endpoint(config: Config, state: StateDir, ledger: Ledger, scope: AsyncExitStack) -> Endpoint:
    """The relay that the settings name; an own one runs for the length of the scope."""
    if isinstance(config.relay, str):
        return Endpoint(config.relay, config.relay, state.token(config.relay))
    relay = await scope.enter_async_context(Relay.open(config.relay, state.path, ledger))
    token = relay.sign_in.agent_token(state.device().device_id, config.device_name)
    return Endpoint(
        _local_url(config.relay, relay.port), public_url(config.relay.host, relay.port), token, relay.port, relay
    )


def _local_url(relay: RelayConfig, port: int) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
    host = everywhere.get(relay.host, f"[{relay.host}]" if ":" in relay.host else relay.host)
    return f"http://{host}:{port}"
