"""The agent's process of `mobifai serve`: runs the agent and its control socket, and shows the first invitation.

Owns the scope that closes all parts of the agent. Only the agent's process imports this module; the keeper does not.
"""

import asyncio
import datetime as dt
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from mobifai.agent import Agent, open_agent
from mobifai.assistant.config import AssistantConfig
from mobifai.bounds import Ledger
from mobifai.cli import invitation
from mobifai.cli.announcing import announce
from mobifai.cli.console import ConsolePresenter
from mobifai.cli.control_client import run, stop_signals
from mobifai.cli.time_of_day import until_time_of_day
from mobifai.config import EVERY_ADDRESS, EVERY_IPV4_ADDRESS, Config, RelayConfig
from mobifai.control.debug_plugins import DebugPlugins, PluginContext
from mobifai.control.server import control_server
from mobifai.errors import MobiFaiError, StateError
from mobifai.files import write_whole
from mobifai.logs.setup import RootLogHandler
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.plain_text import one_line
from mobifai.relay.addresses import is_loopback
from mobifai.state import StateDir
from mobifai.terminals import keeper_protocol as keeper_wire
from mobifai.terminals.keeper_client import KeeperClient
from mobifai.terminals.local_spawner import LocalSpawner

_log = logging.getLogger(__name__)


def run_agent(
    config: Config, assistant: AssistantConfig, state: StateDir, logs: RootLogHandler, keeper_fd: int | None
) -> int:
    """Run the agent until a signal or a restart ends it. Return the exit status.

    `keeper_fd` is the connection to the keeper, or None without a keeper. It stays open until the process ends, because
    it also carries the reason of a failed start.
    """
    return run(_serve(config, assistant, state, logs, keeper_fd))


async def _serve(
    config: Config, assistant: AssistantConfig, state: StateDir, logs: RootLogHandler, keeper_fd: int | None
) -> int:
    """Run the agent until a signal or a restart ends it. Return the exit status."""
    async with AsyncExitStack() as scope:
        stop = await scope.enter_async_context(stop_signals())
        ledger = Ledger(config.limits)
        scope.enter_context(logs.to_file(state, ledger))
        spawner = await _enter_spawner(scope, keeper_fd, ledger, stop)
        config = _with_port_of_before(config, spawner)
        person = ConsolePresenter()
        scope.callback(person.close)
        if config.ready_file is not None:
            _remove(config.ready_file)
            scope.callback(_remove, config.ready_file)
        restart = _AgentRestart(stop, spawner.keeper_pid if isinstance(spawner, KeeperClient) else None)
        agent = await scope.enter_async_context(open_agent(config, assistant, state, ledger, spawner, person, restart))
        handlers = {**agent.control.handlers, "restart": restart.asked}
        plugins = DebugPlugins(PluginContext(ledger, agent))
        await scope.enter_async_context(control_server(state.socket_paths("control"), handlers, ledger, plugins.find))
        if isinstance(spawner, KeeperClient):
            spawner.started(agent.relay_target.port)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(agent.run()),
                tasks.create_task(_announce(agent, person, config, spawner)),
                tasks.create_task(restart.daily(config.restart_daily)),
                tasks.create_task(_say_repeats(logs)),
            ]
            await stop.wait()
            for task in running:
                task.cancel()
    return keeper_wire.RESTART_STATUS if restart.wanted else 0


async def _enter_spawner(
    scope: AsyncExitStack, keeper_fd: int | None, ledger: Ledger, stop: asyncio.Event
) -> KeeperClient | LocalSpawner:
    if keeper_fd is None:
        return await scope.enter_async_context(LocalSpawner(ledger))
    return await scope.enter_async_context(KeeperClient(os.dup(keeper_fd), ledger, stop.set))


def _with_port_of_before(config: Config, spawner: KeeperClient | LocalSpawner) -> Config:
    """Return the settings with the port that the built-in relay had before the agent restarted.

    Phones have addresses with this port.
    """
    port = spawner.notes.get("port") if isinstance(spawner, KeeperClient) else None
    if port is None or not isinstance(config.relay, RelayConfig):
        return config
    return replace(config, relay=replace(config.relay, port=port))


async def _say_repeats(logs: RootLogHandler) -> None:
    while True:
        await asyncio.sleep(60)
        logs.log_repeats()


def _pid(spawner: KeeperClient | LocalSpawner) -> int:
    """Return the id of the process to stop to end MobiFai: the keeper's or, without a keeper, the agent's."""
    return spawner.keeper_pid if isinstance(spawner, KeeperClient) else os.getpid()


class _AgentRestart:
    """Restarts the agent, on request or daily.

    The process exits with a status that makes the keeper start the agent again.
    """

    def __init__(self, stop: asyncio.Event, keeper_pid: int | None) -> None:
        self.wanted = False
        self.pid = keeper_pid
        self._stop = stop

    async def asked(self, _: dict[str, Any]) -> object:
        if self.pid is None:
            raise StateError(
                "can't restart: the agent runs without a keeper (--no-keeper), so its terminals would end with it"
            )
        asyncio.get_running_loop().call_later(0.1, self._begin)  # after the response is sent
        return {}

    def restart(self) -> bool:
        """Restart the agent, and return True. Without a keeper, do nothing and return False."""
        if self.pid is not None:
            self._begin()
        return self.pid is not None

    def _begin(self) -> None:
        self.wanted = True
        self._stop.set()

    async def daily(self, at: dt.time | None) -> None:
        if at is not None:
            await until_time_of_day(at)
            self._begin()


async def _announce(
    agent: Agent, person: ConsolePresenter, config: Config, spawner: KeeperClient | LocalSpawner
) -> None:
    await person.is_ready.wait()
    if config.ready_file is not None:
        ready = {
            "pid": _pid(spawner),
            "relay_url": agent.relay_target.public_url,
            "page_url": f"{agent.relay_target.public_url}/",
            "device_id": agent.device_id,
        }
        try:
            _write_ready_file(config.ready_file, ready)
        except StateError as error:
            _log.error("%s", error)
    if isinstance(spawner, KeeperClient) and spawner.life > 1:
        announce(
            "The agent restarted; earlier links and pairing codes are no longer valid. `mobifai pair` shows a new link."
        )
        return
    await _show_invitation(agent)
    if (
        isinstance(config.relay, RelayConfig)
        and config.public_url is None
        and is_loopback(agent.relay_target.public_url)
    ):
        announce(_only_here(config.relay))
    if isinstance(config.relay, str) and config.e2e == "allow":
        announce(
            f"Legacy apps, which don't encrypt end to end, can connect (--e2e allow): the relay {config.relay} decides "
            "which ones, can read everything that they send and show, and can use your terminals in their name."
        )
    announce("`mobifai pair` shows a new link, `mobifai pair --legacy` a code for a legacy app. Press Ctrl-C to stop.")


async def _show_invitation(agent: Agent) -> None:
    """Invite a first phone, but only if standard output is a terminal: a log could reveal the invitation to others."""
    if not sys.stdout.isatty():  # a service's log must not hold secrets
        url, *others = agent.relay_target.find_urls()
        announce("\n".join([f"Ready at {url}.", *invitation.other_addresses(others)]))
        return
    try:
        announce(invitation.invitation_text(await agent.invite(ClientKind.E2E)))
    except MobiFaiError as error:
        announce(one_line(f"Ready at {agent.relay_target.public_url}. ({error})", 500))


def _only_here(relay: RelayConfig) -> str:
    if relay.host in (EVERY_ADDRESS, EVERY_IPV4_ADDRESS):
        return (
            "No network was found, so only this machine can reach the relay. `mobifai pair` looks for networks again."
        )
    return "Only this machine can reach the relay. `mobifai serve --lan` opens it to phones on the same network."


def _write_ready_file(path: Path, content: Mapping[str, Any]) -> None:
    """Write the ready file (`--ready-file`) atomically, as JSON. Raises StateError."""
    try:
        write_whole(path, msgspec.json.encode(content) + b"\n", mode=0o644)
    except OSError as error:
        raise StateError(f"--ready-file: {path} can't be written: {error}") from None


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("--ready-file: %s can't be removed: %s", file, error)
