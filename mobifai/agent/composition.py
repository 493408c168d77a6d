"""Builds an agent from its parts: terminals, sessions, relay, assistant and health. Owns the scope that closes them."""

import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial

from mobifai.access.known_phones import KnownPhones
from mobifai.access.policy import AccessPolicy
from mobifai.agent.agent import Agent
from mobifai.agent.control import AgentControl
from mobifai.agent.devices import AgentDevices
from mobifai.agent.events import EventBus
from mobifai.agent.maintenance import Maintenance
from mobifai.agent.sign_in import Presenter, SignInProgress
from mobifai.agent.status import StatusReader
from mobifai.agent.vitals import KeeperControl, Vitals
from mobifai.assistant.access import AssistantAccess
from mobifai.assistant.config import AssistantConfig
from mobifai.bounds import Ledger
from mobifai.config import Config
from mobifai.health.monitor import Monitor
from mobifai.health.trimmer import Trimmer
from mobifai.limits import SESSIONS
from mobifai.protocol.agent_pairing import Pairing
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


@dataclass(frozen=True, slots=True)
class _Base:
    """The parts of an agent that all other parts use. `scope` closes all parts, the last opened first."""

    config: Config
    state: StateDir
    ledger: Ledger
    target: RelayTarget
    events: EventBus
    keeper: KeeperControl
    scope: AsyncExitStack

    @property
    def seats(self) -> range:
        """The indices of the agent's registrations with the relay. Each registration serves one phone.

        With a relay in this process, there are as many as the limit `sessions` allows; with a relay elsewhere, there is
        one.
        """
        return range(self.ledger.capacity(SESSIONS) if self.target.relay is not None else 1)


@dataclass(frozen=True, slots=True)
class _Viewing:
    """The parts of an agent that phones connect to or use."""

    phones: KnownPhones
    combinations: Combinations
    assistant: AssistantAccess
    sessions: Sessions
    registry: SessionRegistry
    registrations: Sequence[RelayRegistration]
    status: StatusReader


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
    """Open an agent and all of its parts, and close them at the end of this scope. The caller runs `Agent.run`."""
    async with AsyncExitStack() as scope:
        target = await open_relay_target(config, state, ledger, scope)
        events = scope.enter_context(closing(EventBus(ledger)))
        base = _Base(config, state, ledger, target, events, keeper, scope)
        tabs = _open_tabs(base, spawner)
        viewing = _open_viewing(base, tabs, assistant_config, presenter)
        agent = _compose(base, tabs, viewing)
        await _open_metrics(base, viewing.status)
        for failure in tabs.restore():
            _log.warning("a tab or a shell of the previous agent could not be restored: %s", failure)
        yield agent


def _open_tabs(base: _Base, spawner: Spawner) -> Tabs:
    store = base.scope.enter_context(TabStore(base.state.tabs, base.state.problems))
    tabs = Tabs(base.ledger, spawner, store, partial(_new_shell, base.config), _now_ms, base.events.publish)
    return base.scope.enter_context(closing(tabs))


def _open_viewing(base: _Base, tabs: Tabs, assistant_config: AssistantConfig, presenter: Presenter) -> _Viewing:
    scope, state, ledger, publish = base.scope, base.state, base.ledger, base.events.publish
    phones = scope.enter_context(closing(KnownPhones(state, ledger)))
    combinations = scope.enter_context(closing(Combinations(state.keys, ledger)))
    assistant = AssistantAccess(assistant_config, state, ledger, tabs, publish)
    scope.push_async_callback(assistant.close)
    sessions = scope.enter_context(closing(Sessions(ledger)))
    pairings = [_pairing(base, phones) for _ in base.seats]
    status = _status(base, pairings, sessions, tabs)
    context = SessionContext(ledger, tabs, base.config.ice_servers, assistant, combinations, status.health, publish)
    registry = SessionRegistry(context, sessions, phones, partial(_identity, base.config, state))
    scope.push_async_callback(registry.close)
    registrations = _open_registrations(base, pairings, tabs, SignInProgress(presenter), registry, sessions)
    return _Viewing(phones, combinations, assistant, sessions, registry, registrations, status)


def _pairing(base: _Base, phones: KnownPhones) -> Pairing:
    config, own, device = base.config, base.target.relay, base.state.device()
    policy = AccessPolicy(phones, config.e2e, own.sign_in.allows_unencrypted if own is not None else None)
    return Pairing(device.device_id, config.device_name, device.identity, base.target.token, policy.rejection_reason)


def _status(base: _Base, pairings: Sequence[Pairing], sessions: Sessions, tabs: Tabs) -> StatusReader:
    return StatusReader(
        base.config,
        base.target,
        base.ledger,
        base.keeper.pid,
        base.state.problems,
        fingerprint(base.state.e2e_key().public),
        pairings,
        sessions,
        tabs,
    )


def _open_registrations(
    base: _Base,
    pairings: Sequence[Pairing],
    tabs: Tabs,
    progress: SignInProgress,
    registry: SessionRegistry,
    sessions: Sessions,
) -> list[RelayRegistration]:
    state, target, ledger, time_scale = base.state, base.target, base.ledger, base.config.time_scale
    return [
        base.scope.enter_context(
            closing(
                RelayRegistration(
                    state, target, ledger, pairing, tabs, SessionRouter(registry, sessions), progress, time_scale, seat
                )
            )
        )
        for seat, pairing in zip(base.seats, pairings, strict=True)
    ]


def _compose(base: _Base, tabs: Tabs, viewing: _Viewing) -> Agent:
    """Create the agent from its open parts, with its device administration, health monitor and periodic work."""
    config, state, target, ledger = base.config, base.state, base.target, base.ledger
    assistant, sessions, status = viewing.assistant, viewing.sessions, viewing.status
    device_id = state.device().device_id
    devices = AgentDevices(
        target,
        viewing.phones,
        device_id,
        state.e2e_key().public,
        config.e2e,
        viewing.combinations,
        viewing.registry,
        viewing.registrations,
    )
    vitals = Vitals(viewing.registrations[0], sessions, status, target, base.keeper, assistant)
    monitor = Monitor(vitals, config.health)
    return Agent(
        target,
        device_id,
        state.path,
        ledger,
        base.events,
        tabs,
        assistant,
        sessions,
        viewing.registry,
        viewing.registrations,
        devices,
        AgentControl(status, monitor, assistant, devices),
        monitor,
        Trimmer(tabs, config.health),
        Maintenance(tabs, sessions, ledger, keep_awake=config.keep_awake),
    )


async def _open_metrics(base: _Base, status: StatusReader) -> None:
    if base.config.metrics_port is None:
        return
    from mobifai.health.metrics import metrics_server  # noqa: PLC0415 - imported only if figures are wanted

    port = await base.scope.enter_async_context(metrics_server(base.config.metrics_port, status.read))
    _log.info("figures for Prometheus are at http://127.0.0.1:%d/metrics", port)


def _identity(config: Config, state: StateDir) -> Identity:
    return Identity(state.e2e_key(), state.device().device_id, config.device_name, FEATURES)


def _new_shell(config: Config) -> ShellSpec:
    return ShellSpec(config.shell, shell_environment(os.environ, config.shell[0]), home_directory())


def _now_ms() -> int:
    return time.time_ns() // 10**6
