"""`mobifai serve`: the agent, until it is told to stop."""

import asyncio
import datetime as dt
import logging
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import click
import msgspec

import mobifai
from mobifai.agent import Agent, open_agent
from mobifai.assistant.config import DEFAULT_MODEL, Approvals, AssistantConfig, from_table
from mobifai.bounds import Ledger
from mobifai.cli import invitation
from mobifai.cli.plain import plain
from mobifai.cli.running import run, stop_signals
from mobifai.cli.settings import Settings, listen_options, log_options, state_dir_option
from mobifai.config import DEFAULT_PORT, PUBLIC_STUN, Config, HealthConfig, RelayConfig
from mobifai.errors import ConfigError, MobiFaiError, StateError
from mobifai.health.control import control_server
from mobifai.health.extensions import Extensions, Subject
from mobifai.health.logs import Logs, set_up_logs
from mobifai.limits import TERMINAL_RING
from mobifai.state import StateDir, open_state
from mobifai.terminals import keeper, keeper_wire
from mobifai.terminals.kept import KeptShells
from mobifai.terminals.local import LocalSpawner
from mobifai.terminals.shells import login_shell

_log = logging.getLogger(__name__)

_ICE_SERVER = re.compile(r"stuns?:[^\s?:]+(:[0-9]{1,5})?|turns?:[^\s?:]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?")


def _time_of_day(_: click.Context, __: click.Parameter, value: str | None) -> dt.time | None:
    try:
        return dt.datetime.strptime(value, "%H:%M").time() if value else None
    except ValueError:
        raise click.BadParameter(f"expected a time of day as HH:MM; found {value!r}") from None


@click.command()
@click.option("--lan", is_flag=True, envvar="MOBIFAI_LAN", help="Let phones on the same network in: listen everywhere.")
@listen_options
@click.option("--relay", envvar="MOBIFAI_RELAY", help="Use the relay at this URL instead of an own one.")
@click.option(
    "--shell", envvar="MOBIFAI_SHELL", help="The program in a new terminal, with arguments.  [default: your shell]"
)
@click.option(
    "--name",
    envvar="MOBIFAI_NAME",
    default=socket.gethostname,
    help="What phones call this machine.  [default: its name]",
)
@click.option(
    "--ice-server",
    multiple=True,
    envvar="MOBIFAI_ICE_SERVER",
    help=f"STUN or TURN server for WebRTC.  [default: none; with --relay {PUBLIC_STUN}]",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MOBIFAI_READY_FILE",
    help="Written once phones can pair, as JSON; gone when the agent is.",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    envvar="MOBIFAI_MEMORY_LIMIT",
    help="Memory in MB from which the health check warns and acts.",
)
@click.option(
    "--health-interval",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    envvar="MOBIFAI_HEALTH_INTERVAL",
    help="Seconds between health checks.",
)
@click.option(
    "--metrics",
    type=click.IntRange(0, 65535),
    envvar="MOBIFAI_METRICS",
    help="Serve figures for Prometheus on this port, to this machine only.",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(min=1),
    default=1,
    hidden=True,
    envvar="MOBIFAI_TIME_SCALE",
    help="Run the timers of health, housekeeping and reconnecting this many times as fast.",
)
@click.option("--model", envvar="MOBIFAI_MODEL", help=f"The assistant's model.  [default: {DEFAULT_MODEL}]")
@click.option("--model-url", envvar="MOBIFAI_MODEL_URL", help="Address of the model's API.  [default: Anthropic's]")
@click.option(
    "--approvals",
    type=click.Choice([choice.value for choice in Approvals]),
    envvar="MOBIFAI_APPROVALS",
    help="When the assistant asks before it types.  [default: never]",
)
@click.option(
    "--keep-awake",
    is_flag=True,
    envvar="MOBIFAI_KEEP_AWAKE",
    help="Keep this machine from sleeping while a phone is there or a terminal prints.",
)
@click.option("--no-keeper", is_flag=True, help="Run in one process, whose crash would end every terminal.")
@click.option(
    "--restart-daily", metavar="HH:MM", callback=_time_of_day, help="Start the agent anew at this time of day."
)
@state_dir_option
@log_options
@click.pass_obj
def serve(
    settings: Settings,
    lan: bool,
    host: str | None,
    port: int | None,
    allow_host: tuple[str, ...],
    relay: str | None,
    shell: str | None,
    name: str,
    ice_server: tuple[str, ...],
    ready_file: Path | None,
    memory_limit: int,
    health_interval: float,
    metrics: int | None,
    time_scale: float,
    model: str | None,
    model_url: str | None,
    approvals: str | None,
    keep_awake: bool,
    no_keeper: bool,
    restart_daily: dt.time | None,
    state_dir: Path,
    log_level: str,
    log_format: str,
) -> int:
    """Put this machine's terminals on your phone.

    Starts a relay on this machine, for this machine only, and shows how a phone gets in. With --lan, phones on the same
    network can use it; with --relay, a relay elsewhere is used.
    """
    logs = set_up_logs(log_level, log_format)
    config = Config(
        relay=_relay(lan, host, port, allow_host, relay),
        shell=_shell(shell),
        device_name=name[:100],
        ice_servers=_ice_servers(ice_server) or ((PUBLIC_STUN,) if relay else ()),
        ready_file=ready_file,
        restart_daily=restart_daily,
        keep_awake=keep_awake,
        time_scale=time_scale,
        metrics_port=metrics,
        health=_health(memory_limit, health_interval, time_scale),
        limits=settings.limits,
    )
    named = {"model": model, "base_url": model_url, "approvals": approvals}
    assistant = from_table(
        {**settings.assistant, **{name: value for name, value in named.items() if value is not None}}
    )
    if ready_file is not None:
        _check_place(ready_file)
    keeper_fd = os.environ.pop(keeper_wire.FD_VARIABLE, None)
    if keeper_fd is not None:
        return run(_serve(config, assistant, StateDir(state_dir), logs, int(keeper_fd)))
    with open_state(state_dir) as state:
        if not no_keeper:
            _keep(state, config)
        return run(_serve(config, assistant, state, logs, None))


def _relay(
    lan: bool, host: str | None, port: int | None, allowed: tuple[str, ...], url: str | None
) -> RelayConfig | str:
    if url is None:
        everywhere = "0.0.0.0" if lan else "127.0.0.1"
        return RelayConfig(host or everywhere, DEFAULT_PORT if port is None else port, allowed)
    if lan or host is not None or port is not None:
        raise ConfigError("expected either --relay, or an own relay with --lan, --host and --port; found both")
    if not _is_http(url):
        raise ConfigError(f"--relay: expected an address as https://HOST or http://HOST:PORT; found {url!r}")
    return url.rstrip("/")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # what is no port
        return False


def _ice_servers(urls: tuple[str, ...]) -> tuple[str, ...]:
    for url in urls:
        if not _ICE_SERVER.fullmatch(url):
            raise ConfigError(f"--ice-server: expected stun:HOST[:PORT] or turn:HOST[:PORT]; found {url!r}")
    return urls


def _health(memory_limit: int, interval: float, time_scale: float) -> HealthConfig:
    usual = HealthConfig()
    return HealthConfig(
        check_seconds=interval / time_scale,
        memory_limit_bytes=memory_limit * 10**6,
        housekeeping_seconds=usual.housekeeping_seconds / time_scale,
        inactive_seconds=usual.inactive_seconds / time_scale,
    )


def _shell(command: str | None) -> tuple[str, ...]:
    try:
        argv = tuple(shlex.split(command)) if command else login_shell()
    except ValueError as error:
        raise ConfigError(f"--shell: expected a program with arguments; {error} in {command!r}") from None
    if not argv or shutil.which(argv[0]) is None:
        raise ConfigError(f"--shell: expected a program that can be run; found {command or argv[0]!r}")
    return argv


class _Person:
    """Speaks with the person at the machine (see `Presenter`)."""

    def __init__(self) -> None:
        self.is_ready = asyncio.Event()
        self._login_url: str | None = None
        self._listening = False

    def sign_in(self, url: str, message: str) -> None:
        """Show where to sign this agent in; Enter opens it."""
        self._login_url = url
        _log.info("the relay wants this agent to be signed in at %s", url)
        click.echo(plain(f"{message or 'The relay wants to know whose agent this is.'}\nSign in at:  {url}"))
        if _in_foreground():
            click.echo("Press Enter to open it in your browser.")
            if not self._listening:
                self._listening = True
                asyncio.get_running_loop().add_reader(sys.stdin, self._enter)

    def _enter(self) -> None:
        line = sys.stdin.readline()
        if line and self._login_url is not None and not self.is_ready.is_set():
            click.launch(self._login_url)
        elif not line or self.is_ready.is_set():
            self.close()

    def ready(self) -> None:
        """Phones can pair."""
        self.is_ready.set()

    def close(self) -> None:
        """Listen to nobody."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(sys.stdin)
            self._listening = False


def _in_foreground() -> bool:
    """Whether somebody may type to us: reading in the background would stop the process."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _keep(state: StateDir, config: Config) -> NoReturn:
    """Become the keeper, which starts this command again as the agent. The lock goes along."""
    assert state.lock is not None  # noqa: S101
    os.set_inheritable(state.lock, True)
    capacity = Ledger(config.limits).capacity(TERMINAL_RING)
    root = str(Path(mobifai.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    agent = [sys.executable, "-P", "-m", "mobifai", *sys.argv[1:]]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-P", keeper.__file__, str(capacity), *agent], environment)  # noqa: S606


async def _serve(config: Config, assistant: AssistantConfig, state: StateDir, logs: Logs, keeper_fd: int | None) -> int:
    """Serve until told to stop; the exit status."""
    async with AsyncExitStack() as scope:
        stop = await scope.enter_async_context(stop_signals())
        ledger = Ledger(config.limits)
        scope.enter_context(logs.to_file(state, ledger))
        spawner = await _enter_spawner(scope, keeper_fd, ledger, stop)
        config = _with_port_of_before(config, spawner)
        person = _Person()
        scope.callback(person.close)
        if config.ready_file is not None:
            config.ready_file.unlink(missing_ok=True)
            scope.callback(config.ready_file.unlink, missing_ok=True)
        restart = _Restart(stop, spawner.keeper_pid if isinstance(spawner, KeptShells) else None)
        agent = await scope.enter_async_context(open_agent(config, assistant, state, ledger, spawner, person, restart))
        questions = {**agent.questions, "restart": restart.asked}
        more = Extensions(Subject(ledger, agent))
        await scope.enter_async_context(control_server(state.control_socket, questions, ledger, more.find))
        if isinstance(spawner, KeptShells):
            spawner.end_unclaimed()
            spawner.started(agent.endpoint.port)
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
) -> KeptShells | LocalSpawner:
    if keeper_fd is None:
        return await scope.enter_async_context(LocalSpawner(ledger))
    return await scope.enter_async_context(KeptShells(keeper_fd, ledger, stop.set))


def _with_port_of_before(config: Config, spawner: KeptShells | LocalSpawner) -> Config:
    """An own relay on any port keeps the one that phones know when the agent starts again."""
    port = spawner.notes.get("port") if isinstance(spawner, KeptShells) else None
    if port is None or not isinstance(config.relay, RelayConfig):
        return config
    return replace(config, relay=replace(config.relay, port=port))


async def _say_repeats(logs: Logs) -> None:
    while True:
        await asyncio.sleep(60)
        logs.say_repeats()


def _pid(spawner: KeptShells | LocalSpawner) -> int:
    """The process that a person ends."""
    return spawner.keeper_pid if isinstance(spawner, KeptShells) else os.getpid()


class _Restart:
    """Starts the agent anew, when asked or daily: it stops with the status by which the keeper knows."""

    def __init__(self, stop: asyncio.Event, keeper_pid: int | None) -> None:
        self.wanted = False
        self.pid = keeper_pid
        self._stop = stop

    async def asked(self, _: dict[str, Any]) -> object:
        if self.pid is None:
            raise StateError("this agent runs without a keeper (--no-keeper), so its terminals would end with it")
        asyncio.get_running_loop().call_later(0.1, self._begin)  # the answer goes first
        return {}

    def restart(self) -> bool:
        """Restart, if a keeper is there to do it."""
        if self.pid is not None:
            self._begin()
        return self.pid is not None

    def _begin(self) -> None:
        self.wanted = True
        self._stop.set()

    async def daily(self, at: dt.time | None) -> None:
        if at is None:
            return
        now = dt.datetime.now()  # local time without an offset: the clock on the wall is meant, also when it is set
        today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        due = today if today > now else today + dt.timedelta(days=1)
        while (left := (due - dt.datetime.now()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, 60))  # the wall clock may jump, and the machine sleep
        self._begin()


async def _announce(agent: Agent, person: _Person, config: Config, spawner: KeptShells | LocalSpawner) -> None:
    await person.is_ready.wait()
    if config.ready_file is not None:
        ready = {
            "pid": _pid(spawner),
            "relay_url": agent.endpoint.public_url,
            "page_url": f"{agent.endpoint.public_url}/",
            "device_id": agent.device.device_id,
        }
        try:
            _write_whole(config.ready_file, ready)
        except StateError as error:
            _log.error("%s", error)
    if isinstance(spawner, KeptShells) and spawner.life > 1:
        click.echo("The agent runs again. Codes shown before are void; `mobifai pair` shows a new one.")
        return
    try:
        invitation.show(await agent.invite())
    except MobiFaiError as error:
        click.echo(f"Ready at {agent.endpoint.public_url}. ({error})")
    if isinstance(config.relay, RelayConfig) and config.relay.host == "127.0.0.1":
        click.echo("Only this machine can reach it. `mobifai serve --lan` opens it to phones on the same network.")
    click.echo("`mobifai pair` shows a new code. Ctrl-C stops.")


def _check_place(file: Path) -> None:
    """Raise StateError for a file that can't be written, before anything is started."""
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK) or file.is_dir():
        raise StateError(f"--ready-file: expected a file in a directory that can be written; found {file}")


def _write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file so that nobody sees a part of it. Raises StateError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(msgspec.json.encode(content) + b"\n")
        draft.replace(path)
    except OSError as error:
        raise StateError(f"--ready-file: {path} can't be written: {error}") from None
