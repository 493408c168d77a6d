"""The relay that the agent uses: one in this process, or one elsewhere."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from mobifai.bounds import Ledger
from mobifai.config import Config
from mobifai.relay.server import Relay
from mobifai.state import StateDir


@dataclass(frozen=True, slots=True)
class RelayTarget:
    """The relay in use: its URL for the agent, its URLs for phones, and the agent's stored token.

    `find_urls` returns the URLs for phones, the most likely to work first. Those of a relay in this process change with
    the machine's networks. `port` and `relay` are set for a relay in this process.
    """

    url: str
    find_urls: Callable[[], list[str]]
    token: str | None
    port: int | None = None
    relay: Relay | None = None

    @property
    def public_url(self) -> str:
        """The first of the relay's URLs for phones: the one that most likely works."""
        return self.find_urls()[0]


async def open_relay_target(config: Config, state: StateDir, ledger: Ledger, scope: AsyncExitStack) -> RelayTarget:
    """Return the relay that the settings name. A relay in this process runs until `scope` is closed."""
    if isinstance(config.relay, str):
        urls = [config.public_url or config.relay]
        return RelayTarget(config.relay, lambda: urls, state.token(config.relay))
    relay = await scope.enter_async_context(Relay.open(config.relay, state.path, ledger, problems=state.problems))
    token = relay.sign_in.agent_token(state.device().device_id, config.device_name)
    return RelayTarget(relay.local_url, relay.find_urls, token, relay.port, relay)
