"""The agent: composes terminals, sessions, relay, assistant and health, and owns the outermost scope."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from mobifai.access.devices import DeviceAdmin
from mobifai.access.known_phones import KnownPhones
from mobifai.access.policy import AccessPolicy
from mobifai.access.registry import device_registry
from mobifai.agent.events import AgentEvent, EventBus, SessionClosed, ShellExited, TerminalClosed
from mobifai.agent.status import StatusReader
from mobifai.agent.vitals import KeeperControl, Vitals
from mobifai.assistant.access import AssistantAccess
from mobifai.assistant.config import AssistantConfig
from mobifai.bounds import Ledger
from mobifai.config import Config
from mobifai.control.server import ControlHandler, StreamingHandler
from mobifai.health.keep_awake import KeepAwake
from mobifai.health.monitor import Monitor
from mobifai.health.trimmer import Trimmer
from mobifai.limits import SESSIONS, TASKS
from mobifai.protocol.agent_pairing import Pairing
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.e2e import fingerprint
from mobifai.protocol.features import FEATURES
from mobifai.session.context import SessionContext
from mobifai.session.encryption import Identity
from mobifai.session.key_combinations import Combinations
from mobifai.session.registry import SessionRegistry
from mobifai.session.relay_registration import RelayRegistration
from mobifai.session.router import SessionRouter
from mobifai.session.sessions import Sessions
from mobifai.state import StateDir
from mobifai.terminals.shells import ShellSpec, Spawner, home_directory, shell_environment
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from mobifai.transport.relay_address import RelayTarget, open_relay_target

_log = logging.getLogger(__name__)

SAVE_SECONDS = 10.0
"""How often the shells' directories are stored, for a restart without warning."""


class Presenter(Protocol):
    """Shows the user at this machine what to do."""

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open this address to sign the agent in."""

    def ready(self) -> None:
        """Announce that phones can pair. Called once."""


class SignInProgress:
    """Shows the user the progress of the registration with the relay."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._was_ready = False

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open this address."""
        self._presenter.sign_in(url, message)

    def signed_in(self) -> None:
        """Announce once that phones can pair."""
        if not self._was_ready:
            self._was_ready = True
            self._presenter.ready()


class Agent:
    """A running agent. `control_handlers` answer commands on the control socket."""

    def __init__(
        self,
        config: Config,
        relay_target: RelayTarget,
        device_id: str,
        state_dir: Path,
        ledger: Ledger,
        events: EventBus,
        tabs: Tabs,
        assistant: AssistantAccess,
        combinations: Combinations,
        sessions: Sessions,
        registry: SessionRegistry,
        registrations: Sequence[RelayRegistration],
        monitor: Monitor,
        status: StatusReader,
        devices: Callable[[], DeviceAdmin],
    ) -> None:
        self._config = config
        self.assistant = assistant
        self._combinations = combinations
        self.registry = registry
        self._monitor = monitor
        self._status = status
        self._devices = devices
        self._garbage_due = False
        self.relay_target = relay_target
        self.device_id = device_id
        self.state_dir = state_dir
        self.ledger = ledger
        self.events = events
        self.tabs = tabs
        self.sessions = sessions
        self.registrations = registrations
        events.subscribe(self._follow)

    # -- the scope

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for registration in self.registrations:
                tasks.create_task(registration.run(), name="relay")
            tasks.create_task(self._look_after_shells(), name="look-after-shells")
            tasks.create_task(self._monitor.run(), name="health")
            tasks.create_task(Trimmer(self.tabs, self._config.health).run(), name="trimmer")

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
                for session in self.sessions.open:
                    session.transports.check_inbound()
                tasks.set(len(asyncio.all_tasks()))
                before, printed = printed, self.tabs.printed_bytes
                if awake is not None:
                    awake.need(printed != before or any(phone.path is not None for phone in self._status.phones()))

    def _save_directories(self) -> None:
        try:
            self.tabs.save_directories()
        except OSError as error:
            _log.warning("the shells' directories could not be looked up: %s", error)

    def _collect_garbage(self) -> None:
        if self._garbage_due:
            self._garbage_due = False
            gc.collect()

    def _follow(self, event: AgentEvent) -> None:
        match event:
            case TerminalClosed(terminal, _) | ShellExited(terminal, True):
                self.assistant.terminal_closed(terminal.uuid)
            case SessionClosed():
                self._garbage_due = True  # what the session leaves is collected once its connection is closed

    # -- the control socket

    @property
    def control_handlers(self) -> dict[str, ControlHandler | StreamingHandler]:
        """The handlers of the control socket, by the names of their requests."""
        return {
            "ask": lambda arguments: self.assistant.control().ask(arguments),
            "approve": lambda arguments: self.assistant.control().approve(arguments),
            "status": self._read_status,
            "check": self._check,
            "pair": self._pair,
            "devices": self._list_devices,
            "revoke": self._revoke,
        }

    async def _read_status(self, _: dict[str, Any]) -> object:
        return self._status.read()

    async def _check(self, _: dict[str, Any]) -> object:
        return await self._monitor.check()

    async def _pair(self, arguments: dict[str, Any]) -> object:
        return await self.invite(ClientKind.LEGACY if arguments.get("legacy") else ClientKind.E2E)

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Return an invitation for one phone. Raises SignInRefused, RelayUnreachable."""
        return await self._devices().invite(kind)

    async def _list_devices(self, _: dict[str, Any]) -> object:
        return await self._devices().devices()

    async def _revoke(self, arguments: dict[str, Any]) -> object:
        return await self._devices().revoke(str(arguments.get("device_id", "")), self._shut_out)

    def _shut_out(self, device_id: str) -> None:
        self._combinations.forget(device_id)
        self.registry.revoke(device_id)
        for registration in self.registrations:
            registration.revoke(device_id)


@asynccontextmanager
async def open_agent(
    config: Config,
    assistant_config: AssistantConfig,
    state: StateDir,
    ledger: Ledger,
    spawner: Spawner,
    presenter: Presenter,
    keeper: KeeperControl,
) -> AsyncIterator[Agent]:
    """Open an agent with everything that it needs, for the length of this scope; `run` makes it serve."""
    async with AsyncExitStack() as scope:
        target = await open_relay_target(config, state, ledger, scope)
        store = scope.enter_context(TabStore(state.tabs, state.problems))
        device, public_key, events = state.device(), state.e2e_key().public, EventBus()
        phones = KnownPhones(state, ledger)
        scope.callback(phones.close)
        combinations = Combinations(state.keys, ledger)
        scope.callback(combinations.close)
        tabs = Tabs(ledger, spawner, store, partial(_new_shell, config), _now_ms, events.publish)
        scope.callback(tabs.close)
        assistant = AssistantAccess(assistant_config, state, ledger, tabs, events.publish)
        scope.push_async_callback(assistant.close)
        sessions = Sessions(ledger)
        scope.callback(sessions.close)
        seats = range(ledger.capacity(SESSIONS) if target.relay is not None else 1)
        pairings = [_pairing(config, state, target, phones) for _ in seats]
        key = fingerprint(public_key)
        status = StatusReader(config, target, ledger, keeper.pid, state.problems, key, pairings, sessions, tabs)
        context = SessionContext(
            ledger, tabs, config.ice_servers, assistant, combinations, status.health, events.publish
        )
        registry = SessionRegistry(context, sessions, phones, partial(_identity, config, state))
        scope.push_async_callback(registry.close)
        progress = SignInProgress(presenter)
        registrations = [
            RelayRegistration(
                state,
                target,
                ledger,
                pairings[seat],
                tabs,
                SessionRouter(registry, sessions),
                progress,
                config.time_scale,
                seat,
            )
            for seat in seats
        ]
        for registration in registrations:
            scope.callback(registration.close)
        monitor = Monitor(Vitals(registrations[0], sessions, status, target, keeper, assistant), config.health)

        def devices() -> DeviceAdmin:
            access = device_registry(target, device.device_id, registrations[0].token)
            return DeviceAdmin(access, phones, target.find_urls(), device.device_id, public_key, config.e2e)

        agent = Agent(
            config, target, device.device_id, state.path, ledger, events, tabs, assistant, combinations, sessions,
            registry, registrations, monitor, status, devices,
        )  # fmt: skip
        if config.metrics_port is not None:
            from mobifai.health.metrics import metrics_server  # noqa: PLC0415 - imported only if figures are wanted

            port = await scope.enter_async_context(metrics_server(config.metrics_port, status.read))
            _log.info("figures for Prometheus are at http://127.0.0.1:%d/metrics", port)
        for failure in tabs.restore():
            _log.warning("a tab could not be opened again: %s", failure)
        yield agent


def _pairing(config: Config, state: StateDir, target: RelayTarget, phones: KnownPhones) -> Pairing:
    own, device = target.relay, state.device()
    policy = AccessPolicy(phones, config.e2e, own.sign_in.allows_unencrypted if own is not None else None)
    return Pairing(device.device_id, config.device_name, device.identity, target.token, policy.rejection_reason)


def _identity(config: Config, state: StateDir) -> Identity:
    return Identity(state.e2e_key(), state.device().device_id, config.device_name, FEATURES)


def _new_shell(config: Config) -> ShellSpec:
    return ShellSpec(config.shell, shell_environment(os.environ, config.shell[0]), home_directory())


def _now_ms() -> int:
    return time.time_ns() // 10**6
