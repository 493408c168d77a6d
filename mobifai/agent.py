"""The agent: wires terminals, links and relay together, and owns the outermost scope.

Decisions are elsewhere: `Pairing` says what to do about the relay, `Tabs` about terminals, `Courier` about paths. Here
their words are passed on.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from mobifai import __version__
from mobifai.bounds import Ledger
from mobifai.config import Config, RelayConfig
from mobifai.errors import BadMessage, TerminalError
from mobifai.health.awake import KeepAwake
from mobifai.health.census import take_census
from mobifai.health.control import Handler
from mobifai.health.housekeeping import Housekeeping
from mobifai.health.metrics import metrics_server
from mobifai.health.monitor import Monitor, Vitals
from mobifai.limits import TASKS
from mobifai.link.caller import Caller
from mobifai.link.courier import Courier
from mobifai.link.path import PathClosed
from mobifai.link.relay_api import RelayApi
from mobifai.link.relay_client import RelayClient
from mobifai.protocol import messages as wire
from mobifai.protocol import pairing
from mobifai.protocol.frames import decode_frame
from mobifai.protocol.rooms import CODE_ACTIONS
from mobifai.relay.addresses import public_url
from mobifai.relay.server import Relay
from mobifai.state import StateDir
from mobifai.terminals.shells import ShellSpec, Spawner, home_directory, shell_environment
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from mobifai.terminals.terminal import Terminal

_log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.1
"""From the open channel to the first message on it (section 4): the phone installs its listeners meanwhile."""

ECHO_SECONDS = 5.0
QUIET_SECONDS = 30.0

SAVE_SECONDS = 10.0
"""How often the shells' directories are kept, for a restart that comes without a word."""


class Presenter(Protocol):
    """Who speaks with the person at the machine."""

    def sign_in(self, url: str, message: str) -> None:
        """Somebody has to open this address to sign the agent in."""

    def ready(self, agent: "Agent") -> None:
        """Phones can pair now. Called once."""


class KeeperLink(Protocol):
    """Who keeps the shells when the agent starts anew."""

    @property
    def pid(self) -> int | None:
        """The keeper's process; None when there is none."""

    def restart(self) -> bool:
        """Start the agent anew for the same terminals; False when that is not possible."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The relay in use: how we reach it, how phones do, and our token for it from before. `port` is an own relay's."""

    url: str
    public_url: str
    token: str | None
    port: int | None = None


class Agent:
    """One agent. Its public methods are what commands ask and what its links tell; none of the latter waits."""

    def __init__(
        self,
        config: Config,
        state: StateDir,
        endpoint: Endpoint,
        ledger: Ledger,
        presenter: Presenter,
        keeper: KeeperLink,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._config = config
        self._state = state
        self._presenter = presenter
        self._was_ready = False
        self._settling: asyncio.TimerHandle | None = None
        self.ledger = ledger
        self.endpoint = endpoint
        self.device = state.device()
        self._token = endpoint.token
        self._pairing = pairing.Pairing(self.device.device_id, config.device_name, self.device.identity, endpoint.token)
        self._relay = RelayClient(endpoint.url, ledger, self, lambda: self._token)
        self._caller = Caller(ledger, config.ice_servers, self)
        self._courier = Courier(ledger, self._relay, self._phone_does_not_read)
        self._monitor = Monitor(self, config.health)
        self._echo: asyncio.Future[None] | None = None
        self._relay_echoes = False
        self._keeper = keeper
        self.tabs: Tabs | None = None

    # -- the scope

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._relay.run(), name="relay")
            tasks.create_task(self._caller.run(), name="caller")
            tasks.create_task(self._look_after_shells(), name="look-after-shells")
            tasks.create_task(self._monitor.run(), name="health")
            tasks.create_task(Housekeeping(self._tabs, self._config.health).run(), name="housekeeping")

    async def _look_after_shells(self) -> None:
        async with AsyncExitStack() as scope:
            tasks = scope.enter_context(self.ledger.bound(TASKS))
            awake = await scope.enter_async_context(KeepAwake()) if self._config.keep_awake else None
            printed = 0
            while True:
                await asyncio.sleep(SAVE_SECONDS)
                self._tabs.save_directories()
                tasks.set(len(asyncio.all_tasks()))
                before, printed = printed, self._tabs.printed_bytes
                if awake is not None:
                    awake.need(printed != before or self._courier.path is not None)

    def close(self) -> None:
        """Say and send nothing any more."""
        self._stop_settling()
        self._courier.close()

    @property
    def _tabs(self) -> Tabs:
        assert self.tabs is not None  # noqa: S101 - set before anything runs
        return self.tabs

    # -- what tabs say (Outlet)

    def say(self, event: str, payload: object) -> None:
        """Tell the phone."""
        self._courier.say(event, payload)

    def output_ready(self, terminal: Terminal) -> None:
        """Send output."""
        self._courier.output_ready(terminal)

    # -- what the relay says (RelayListener)

    def relay_connected(self) -> None:
        """Register."""
        self._do(self._pairing.relay_connected(len(self._tabs)))

    def relay_lost(self) -> None:
        """Serve on over an open channel, or let go of the phone."""
        self._courier.relay_serves = False
        self._do(self._pairing.relay_lost(self._channel_open))
        self._let_go_without_path()

    def relay_has_room(self) -> None:
        """Send on."""
        self._courier.pump()

    def relay_said(self, event: str, payload: object) -> None:
        """Pass on what the relay says itself, and what it forwards from the phone."""
        if event not in wire.FROM_RELAY:
            if self._pairing.phone_on_relay:
                self._phone_said(f"code:{event}" if event in CODE_ACTIONS else event, payload)
            else:
                _log.debug("ignored %s: no phone is paired", event)
            return
        try:
            self._relay_means(event, wire.decode(wire.FROM_RELAY, event, payload))
        except BadMessage as error:
            _log.warning("the relay sent what the protocol does not allow: %s", error)

    def _relay_means(self, event: str, message: Any) -> None:
        tabs = len(self._tabs)
        match event:
            case "authenticated":
                self._do(self._pairing.authenticated(message))
                self._now_ready()
            case "login_required":
                self._do(self._pairing.login_required(message))
            case "auth_error":
                self._do(self._pairing.auth_error(message, tabs))
            case "handshake:initiate":
                self._do(self._pairing.initiate(message))
            case "handshake:verify":
                self._do(self._pairing.verify(message))
            case "paired":
                self._do(self._pairing.paired(message))
            case "paired_device_disconnected":
                self._courier.relay_serves = False
                self._do(self._pairing.peer_left_relay(self._channel_open, tabs))
                self._let_go_without_path()
            case "device_revoked":
                self._do(self._pairing.revoked(message))
            case "webrtc:answer" | "webrtc:ice-candidate":
                self._caller.signal(message)
            case "relay:echo":
                self._echo_came(message)
            case "error":
                _log.warning("the relay says: %s", message.message)
            case _:
                _log.debug("the relay says %s", event)

    # -- what the pairing wants

    def _do(self, commands: Iterable[pairing.Command]) -> None:
        for command in commands:
            self._do_one(command)

    def _do_one(self, command: pairing.Command) -> None:
        match command:
            case pairing.Send(event, payload):
                self._send_to_relay(event, payload)
            case pairing.KeepToken(token):
                self._keep_token(token)
            case pairing.DropToken():
                self._keep_token(None)
            case pairing.ShowLogin(login_url, message):
                self._presenter.sign_in(self.endpoint.url + login_url, message)
            case pairing.OpenPeer(peer_id):
                self._begin_with(peer_id)
            case pairing.ClosePeer(reason):
                self._let_go(reason)
            case pairing.Say(text, warning):
                _log.log(logging.WARNING if warning else logging.INFO, "%s", text)

    def _send_to_relay(self, event: str, payload: object) -> None:
        try:
            self._relay.send(event, payload)
        except PathClosed as error:
            _log.warning("%s could not be sent: %s", event, error)

    def _keep_token(self, token: str | None) -> None:
        self._token = token
        self._state.keep_token(self.endpoint.url, token)

    def _now_ready(self) -> None:
        if not self._was_ready:
            self._was_ready = True
            self._presenter.ready(self)

    # -- a phone comes and goes

    def _begin_with(self, peer_id: str) -> None:
        self._stop_settling()
        self._courier.use(None)
        self._courier.relay_serves = True
        self._courier.relay_knows_screens = self._pairing.relay_is_ours
        self.say("processes:sync", self._tabs.sync())
        if len(self._tabs):
            self.say("system:message", wire.SystemMessage(type="terminal_ready"))
        self._tabs.phone_came()
        self._caller.call(peer_id)

    def _let_go(self, reason: str) -> None:
        _log.info("%s", reason)
        self._stop_settling()
        self._caller.hang_up()
        self._courier.use(None)
        self._let_go_without_path()

    def _let_go_without_path(self) -> None:
        self._courier.relay_serves = self._pairing.phone_on_relay
        if self._courier.path is None:
            self._tabs.phone_left()

    def _phone_does_not_read(self) -> None:
        self._let_go("hung up on a phone that does not read what it asked for")

    @property
    def _channel_open(self) -> bool:
        return self._caller.peer is not None and self._caller.peer.open

    # -- what the call says (CallListener)

    def offer_made(self, offer: wire.Offer) -> None:
        """Send the offer to the phone."""
        self._send_to_relay("webrtc:offer", offer)

    def channel_opened(self) -> None:
        """Change over to the channel, once what the relay carries has had time to arrive."""
        _log.info("the data channel is open")
        self._courier.hold()
        self._stop_settling()
        self._settling = self._loop.call_later(SETTLE_SECONDS, self._use_channel)

    def _use_channel(self) -> None:
        self._settling = None
        if self._relay.open and self._relay.in_flight:
            self._settling = self._loop.call_later(SETTLE_SECONDS, self._use_channel)
            return
        came_by_relay = self._courier.relay_serves and self._courier.relay_knows_screens
        self._courier.use(self._caller.peer)
        self.say("processes:sync", self._tabs.sync())
        if not came_by_relay:
            self._tabs.phone_came()

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def channel_said(self, text: str) -> None:
        """A phone's message over the channel."""
        try:
            event, payload = decode_frame(text)
        except BadMessage as error:
            self._complain(error)
            return
        self._phone_said(event, payload)

    def channel_has_room(self) -> None:
        """Send on."""
        self._courier.pump()

    def call_ended(self, was_open: bool) -> None:
        """Go on by relay: what the channel had not delivered comes again with the screens."""
        if was_open:
            _log.info("the data channel ended")
        self._stop_settling()
        self._courier.use(None)
        self._do(self._pairing.channel_lost(len(self._tabs)))
        self._let_go_without_path()
        if was_open and self._pairing.phone_on_relay:
            self._tabs.phone_came()

    # -- what the phone says

    def _phone_said(self, event: str, payload: object) -> None:
        try:
            self._phone_means(event, payload)
        except (BadMessage, TerminalError) as error:
            self._complain(error)

    def _phone_means(self, event: str, payload: object) -> None:
        if event.startswith("code:"):
            action = event.removeprefix("code:")
            self.say("code:error", {"action": action, "error": "this agent has no editor"})
            return
        message = wire.decode(wire.FROM_PHONE, event, payload)
        if event == "ai:prompt":
            raise TerminalError("this agent has no assistant", message.uuid or "")
        self._handlers[event](message)

    @property
    def _handlers(self) -> dict[str, Callable[[Any], None]]:
        tabs = self._tabs
        return {
            "process:create": tabs.create,
            "process:terminate": tabs.terminate,
            "process:rename": tabs.rename,
            "process:switch": tabs.switch,
            "terminal:input": tabs.type,
            "terminal:actions": tabs.act,
            "terminal:resize": tabs.resize,
            "terminal:dimensions": tabs.resize,
        }

    def _complain(self, error: BadMessage | TerminalError) -> None:
        _log.debug("refused: %s", error)
        uuid = error.uuid if isinstance(error, TerminalError) else ""
        self.say("process:error", wire.ProcessError(uuid=uuid, error=str(error)))

    # -- what the monitor asks (Subject)

    def vitals(self) -> Vitals:
        """What the agent has."""
        peer = self._caller.peer
        behind = peer.behind_bytes if peer is not None and peer.open else None
        return Vitals(
            terminals=len(self._tabs),
            buffer_bytes=self._tabs.buffer_bytes,
            webrtc="connected" if self._channel_open else "disconnected",
            behind_bytes=behind,
            delivered_bytes=self._courier.sent_bytes - (behind or 0),
        )

    async def relay_round_trip(self) -> float | None:
        """Have the relay send something back over the very connection that phones' messages take.

        A relay that does not know `relay:echo` is asked over HTTP.
        """
        if not self._relay.open:
            return None
        began = self._loop.time()
        self._echo = self._loop.create_future()
        self._send_to_relay("relay:echo", wire.Echo(nonce=f"{began:.6f}"))
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await self._echo
        except TimeoutError:
            if self._relay_echoes:
                raise
            return await RelayApi(self.endpoint.url, None).health()
        finally:
            self._echo = None
        return self._loop.time() - began

    def _echo_came(self, _: wire.Echo) -> None:
        self._relay_echoes = True
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)

    def relay_is_deaf(self) -> None:
        """Connect anew."""
        self._relay.drop()

    def phone_is_deaf(self) -> None:
        """Drop the channel; it is made anew, and the relay serves meanwhile."""
        if self._caller.peer is not None:
            self._caller.peer.drop()

    def is_quiet(self) -> bool:
        """Whether no phone is there, or nothing was printed or typed for a while."""
        return self._courier.path is None or self._loop.time() - self._courier.last_sent > QUIET_SECONDS

    def restart(self) -> bool:
        """Start anew, if a keeper holds the shells."""
        return self._keeper.restart()

    # -- what commands ask

    @property
    def questions(self) -> dict[str, Handler]:
        """What the control socket answers."""
        return {
            "status": self._status,
            "check": self._check,
            "pair": self._pair,
            "devices": self._devices,
            "revoke": self._revoke,
        }

    async def _status(self, _: dict[str, Any]) -> object:
        census = take_census()
        return {
            "version": __version__,
            "agent_pid": os.getpid(),
            "keeper_pid": self._keeper.pid,
            "uptime_s": round(self._monitor.uptime_seconds, 1),
            **asdict(census),
            "buffer_bytes": self._tabs.buffer_bytes,
            "memory_limit_bytes": self._config.health.memory_limit_bytes,
            "last_check": self._monitor.last,
            "worst_case_bytes": self.ledger.worst_case_bytes,
            "bounds": [asdict(entry) for entry in self.ledger.entries()],
            "relay_url": self.endpoint.public_url,
            "relay": self._pairing.stage.value,
            "phone": self._pairing.phone_id,
            "path": self._courier.path,
            "terminals": [
                {"uuid": terminal.uuid, "name": terminal.tab.name, "pid": terminal.pid, "active": terminal.forwarded}
                for terminal in self._tabs.terminals
            ],
        }

    async def _check(self, _: dict[str, Any]) -> object:
        await self._monitor.check()
        return self._monitor.last

    async def _pair(self, _: dict[str, Any]) -> object:
        return await self.invite()

    async def invite(self) -> dict[str, Any]:
        """A new phone's way in. Raises SignInRefused, RelayUnreachable."""
        invitation = await RelayApi(self.endpoint.url, self._token).invite()
        return {
            "relay_url": self.endpoint.public_url,
            "page_url": f"{self.endpoint.public_url}/",
            "device_id": self.device.device_id,
            **invitation,
        }

    async def _devices(self, _: dict[str, Any]) -> object:
        return await RelayApi(self.endpoint.url, self._token).devices()

    async def _revoke(self, arguments: dict[str, Any]) -> object:
        return await RelayApi(self.endpoint.url, self._token).revoke(str(arguments.get("device_id", "")))


@asynccontextmanager
async def open_agent(
    config: Config,
    state: StateDir,
    ledger: Ledger,
    spawner: Spawner,
    presenter: Presenter,
    keeper: KeeperLink,
) -> AsyncIterator[Agent]:
    """An agent with all that it needs, for the length of this scope; `run` makes it serve."""
    async with AsyncExitStack() as scope:
        endpoint = await _endpoint(config, state, ledger, scope)
        store = scope.enter_context(TabStore(state.tabs))
        agent = Agent(config, state, endpoint, ledger, presenter, keeper)
        agent.tabs = Tabs(ledger, spawner, store, agent, lambda: _new_shell(config), lambda: time.time_ns() // 10**6)
        scope.callback(agent.tabs.close)
        if config.metrics_port is not None:
            port = await scope.enter_async_context(metrics_server(config.metrics_port, ledger, agent.vitals))
            _log.info("figures for Prometheus are at http://127.0.0.1:%d/metrics", port)
        scope.callback(agent.close)
        for failure in agent.tabs.restore():
            _log.warning("a tab could not be opened again: %s", failure)
        yield agent


async def _endpoint(config: Config, state: StateDir, ledger: Ledger, scope: AsyncExitStack) -> Endpoint:
    if isinstance(config.relay, str):
        return Endpoint(config.relay, config.relay, state.token(config.relay))
    relay = await scope.enter_async_context(Relay.open(config.relay, state.path, ledger))
    token = relay.sign_in.agent_token(state.device().device_id, config.device_name)
    return Endpoint(_local_url(config.relay, relay.port), public_url(config.relay.host, relay.port), token, relay.port)


def _local_url(relay: RelayConfig, port: int) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
    host = everywhere.get(relay.host, f"[{relay.host}]" if ":" in relay.host else relay.host)
    return f"http://{host}:{port}"


def _new_shell(config: Config) -> ShellSpec:
    return ShellSpec(config.shell, shell_environment(os.environ, config.shell[0]), home_directory())
