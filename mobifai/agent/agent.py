"""The agent: puts terminals, links, relay and health together, and owns the outermost scope."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from mobifai.access.devices import DeviceAdmin
from mobifai.access.known_phones import KnownPhones
from mobifai.access.registry import device_registry
from mobifai.agent.status import REUSE_SECONDS, StatusReader, health_message
from mobifai.agent.vitals import KeeperControl, Vitals
from mobifai.assistant.config import AssistantConfig
from mobifai.bounds import Ledger
from mobifai.config import Config
from mobifai.control.control_socket import ControlHandler, StreamingHandler
from mobifai.errors import AssistantError
from mobifai.health.keep_awake import KeepAwake
from mobifai.health.monitor import Monitor
from mobifai.health.trimmer import Trimmer
from mobifai.limits import TASKS
from mobifai.protocol import messages
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.e2e import fingerprint
from mobifai.protocol.features import Features
from mobifai.session.dispatcher import MessageDispatcher
from mobifai.session.key_combinations import Combinations, KeySync
from mobifai.session.links import Links
from mobifai.state import StateDir
from mobifai.terminals.shells import ShellSpec, Spawner, home_directory, shell_environment
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from mobifai.transport.relay_address import RelayTarget, open_relay_target

if TYPE_CHECKING:
    from mobifai.assistant.control_handlers import AssistantControl
    from mobifai.assistant.service import Assistant

_log = logging.getLogger(__name__)

SAVE_SECONDS = 10.0
"""How often the shells' directories are kept, for a restart that comes without a word."""


class Presenter(Protocol):
    """Shows the user at this machine what to do."""

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open this address to sign the agent in."""

    def ready(self) -> None:
        """Announce that phones can pair. Called once."""


class Agent:
    """One agent. Its questions are what commands ask; none of what its links tell it waits."""

    def __init__(
        self,
        config: Config,
        state: StateDir,
        relay_target: RelayTarget,
        ledger: Ledger,
        phones: KnownPhones,
        presenter: Presenter,
        keeper: KeeperControl,
        make_tabs: Callable[["Agent"], Tabs],
        make_assistant: Callable[["Agent"], "Assistant"],
    ) -> None:
        self._config = config
        self._presenter = presenter
        self._was_ready = False
        self._garbage_due = False
        self.ledger = ledger
        self.relay_target = relay_target
        self.device = state.device()
        self.phones = phones
        self._e2e_public = state.e2e_key().public
        self.links = Links(config, state, self.device, relay_target, ledger, phones, self)
        self.tabs = self.links.tabs = make_tabs(self)
        self._make_assistant = make_assistant
        self._assistant: Assistant | None = None
        self._assistant_was_interrupted = state.assistant.exists
        self.follows_assistant = False
        key = fingerprint(self._e2e_public)
        self.status = StatusReader(config, relay_target, ledger, keeper.pid, state.problems, key, self.links, self.tabs)
        self._vitals = Vitals(self.links, self.status, relay_target, keeper, self._assistant_is_busy)
        self._monitor = Monitor(self._vitals, config.health)
        self.combinations = Combinations(state.keys, ledger)
        self._dispatcher = MessageDispatcher(self._handlers(), self.links.outbound.send)

    def _handlers(self) -> dict[str, Callable[[Any], None]]:
        tabs = self.tabs
        keys = KeySync(self.combinations, lambda: self.links.key_sharer, self.links.outbound.send)
        return {
            **keys.handlers,
            "process:create": tabs.create,
            "process:terminate": tabs.terminate,
            "process:rename": tabs.rename,
            "process:switch": tabs.switch,
            "terminal:input": tabs.type,
            "terminal:actions": tabs.act,
            "terminal:resize": tabs.resize,
            "terminal:dimensions": tabs.resize,
            "terminal:ack": tabs.acknowledge,
            "terminal:resume": tabs.resume,
            "ai:prompt": self._prompt,
            "ai:cancel": self._cancel,
            "ai:approve": self._approve,
            "system:health": self._send_health,
            "system:echo": self._echo,
        }

    # -- its health

    def _send_health(self, _: messages.Empty | None) -> None:
        self.links.outbound.send("system:health", health_message(self.status.read(REUSE_SECONDS)))

    def _echo(self, message: messages.Echo) -> None:
        self.links.outbound.send("system:echo", message)

    # -- the assistant

    @property
    def assistant(self) -> "Assistant":
        """The assistant, made and imported for who first has to do with it: many never do. Raises AssistantError."""
        if self._assistant is None:
            try:
                self._assistant = self._make_assistant(self)
            except ImportError as error:
                raise AssistantError(f"the assistant can't be loaded now: {error}") from None
        return self._assistant

    def _prompt(self, message: messages.Prompt) -> None:
        self.assistant.prompt(message)

    def _cancel(self, message: messages.AiCancel) -> None:
        self.assistant.cancel(message)

    def _approve(self, message: messages.AiApprove) -> None:
        self.assistant.approve(message)

    def _assistant_is_busy(self) -> bool:
        return self._assistant is not None and self._assistant.busy

    async def close_assistant(self) -> None:
        """End its conversations."""
        if self._assistant is not None:
            await self._assistant.close()

    # -- the scope

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.links.run(), name="links")
            tasks.create_task(self._look_after_shells(), name="look-after-shells")
            tasks.create_task(self._monitor.run(), name="health")
            tasks.create_task(Trimmer(self.tabs, self._config.health).run(), name="housekeeping")

    async def _look_after_shells(self) -> None:
        async with AsyncExitStack() as scope:
            tasks = scope.enter_context(self.ledger.bound(TASKS))
            awake = await scope.enter_async_context(KeepAwake()) if self._config.keep_awake else None
            printed = 0
            while True:
                await asyncio.sleep(SAVE_SECONDS)
                self._save_directories()
                self.tabs.adopt_unclaimed()
                self._collect_garbage()
                if self.links.connector.peer is not None:
                    self.links.connector.peer.check_inbound()
                tasks.set(len(asyncio.all_tasks()))
                before, printed = printed, self.tabs.printed_bytes
                if awake is not None:
                    awake.need(printed != before or self.status.phone().path is not None)

    def _save_directories(self) -> None:
        try:
            self.tabs.save_directories()
        except OSError as error:
            _log.warning("the shells' directories could not be looked up: %s", error)

    def _collect_garbage(self) -> None:
        if self._garbage_due:
            self._garbage_due = False
            gc.collect()

    def terminal_closed(self, uuid: str) -> None:
        """A terminal is no more."""
        if self._assistant is not None:
            self._assistant.terminal_closed(uuid)

    # -- what its links tell (LinkListener)

    def phone_said(self, event: str, payload: object) -> None:
        """Do it."""
        self._dispatcher.dispatch(event, payload)

    def phone_sent(self, text: str) -> None:
        """Do it."""
        self._dispatcher.dispatch_frame(text)

    def phone_came(self, features: Features) -> None:
        """Tell it what the assistant does and did."""
        self.follows_assistant = features.follows_assistant
        if not features.follows_assistant:
            return
        try:
            if self._assistant is not None or self._assistant_was_interrupted():
                self.assistant.phone_came()
            else:
                self.links.outbound.send("ai:conversations", messages.AiConversations(()))
        except AssistantError as error:
            _log.warning("what the assistant did can't be told: %s", error)

    def phone_left(self) -> None:
        """Every terminal runs on; what the phone leaves behind is collected once its connection is closed."""
        self._garbage_due = True
        self.follows_assistant = False
        if self._assistant is not None:
            self._assistant.phone_left()

    def relay_echoed(self) -> None:
        """Complete the round trip that the health check measures."""
        self._vitals.relay_echoed()

    def sign_in(self, url: str, message: str) -> None:
        """Tell the person."""
        self._presenter.sign_in(url, message)

    def signed_in(self) -> None:
        """Phones can pair."""
        if not self._was_ready:
            self._was_ready = True
            self._presenter.ready()

    # -- what commands ask

    @property
    def questions(self) -> dict[str, ControlHandler | StreamingHandler]:
        """What the control socket answers."""
        return {
            "ask": lambda arguments: self._assistant_control().ask(arguments),
            "approve": lambda arguments: self._assistant_control().approve(arguments),
            "status": self._read_status,
            "check": self._check,
            "pair": self._pair,
            "devices": self._devices,
            "revoke": self._revoke,
        }

    def _assistant_control(self) -> "AssistantControl":
        from mobifai.assistant.control_handlers import AssistantControl  # noqa: PLC0415 - as the assistant itself

        return AssistantControl(self.assistant, self.ledger)

    async def _read_status(self, _: dict[str, Any]) -> object:
        return self.status.read()

    async def _check(self, _: dict[str, Any]) -> object:
        return await self._monitor.check()

    async def _pair(self, arguments: dict[str, Any]) -> object:
        return await self.invite(ClientKind.LEGACY if arguments.get("legacy") else ClientKind.E2E)

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """An invitation for one phone. Raises SignInRefused, RelayUnreachable."""
        return await self._device_admin().invite(kind)

    async def _devices(self, _: dict[str, Any]) -> object:
        return await self._device_admin().devices()

    async def _revoke(self, arguments: dict[str, Any]) -> object:
        return await self._device_admin().revoke(str(arguments.get("device_id", "")), self._shut_out)

    def _shut_out(self, device_id: str) -> None:
        self.combinations.forget(device_id)
        self.links.revoke(device_id)

    def _device_admin(self) -> DeviceAdmin:
        way_in = device_registry(self.relay_target, self.device.device_id, self.links.token)
        urls, device_id = self.relay_target.find_urls(), self.device.device_id
        return DeviceAdmin(way_in, self.phones, urls, device_id, self._e2e_public, self._config.e2e)


@asynccontextmanager
async def open_agent(
    config: Config,
    assistant: AssistantConfig,
    state: StateDir,
    ledger: Ledger,
    spawner: Spawner,
    presenter: Presenter,
    keeper: KeeperControl,
) -> AsyncIterator[Agent]:
    """An agent with all that it needs, for the length of this scope; `run` makes it serve."""
    async with AsyncExitStack() as scope:
        relay_target = await open_relay_target(config, state, ledger, scope)
        store = scope.enter_context(TabStore(state.tabs, state.problems))

        def make_tabs(agent: Agent) -> Tabs:
            return Tabs(
                ledger,
                spawner,
                store,
                agent.links.outbound,
                lambda: _new_shell(config),
                lambda: time.time_ns() // 10**6,
                agent.terminal_closed,
            )

        def make_assistant(agent: Agent) -> "Assistant":
            from mobifai.assistant.service import Assistant  # noqa: PLC0415 - see `Agent.assistant`

            say = agent.links.outbound.send
            return Assistant(assistant, state.path, ledger, agent.tabs, say, follows=lambda: agent.follows_assistant)

        phones = KnownPhones(state, ledger)
        scope.callback(phones.close)
        agent = Agent(config, state, relay_target, ledger, phones, presenter, keeper, make_tabs, make_assistant)
        scope.callback(agent.combinations.close)
        scope.callback(agent.tabs.close)
        scope.callback(agent.links.close)
        scope.push_async_callback(agent.close_assistant)
        if config.metrics_port is not None:
            from mobifai.health.metrics import metrics_server  # noqa: PLC0415 - only who asks for figures pays for them

            port = await scope.enter_async_context(metrics_server(config.metrics_port, agent.status.read))
            _log.info("figures for Prometheus are at http://127.0.0.1:%d/metrics", port)
        for failure in agent.tabs.restore():
            _log.warning("a tab could not be opened again: %s", failure)
        yield agent


def _new_shell(config: Config) -> ShellSpec:
    return ShellSpec(config.shell, shell_environment(os.environ, config.shell[0]), home_directory())
