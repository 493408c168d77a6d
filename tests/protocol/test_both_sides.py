"""Relay, agent and phones together: messages arrive in order on each line, and in any order between the lines."""

from collections import deque
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.errors import PairingRefused
from mobifai.protocol import messages
from mobifai.protocol.agent_commands import ClosePeer, OpenPeer, SendToRelay
from mobifai.protocol.agent_pairing import Pairing
from mobifai.protocol.handshake import Identity, sign, verifies
from mobifai.protocol.relay_pairing import ConnectedDevice, Emit, PairStage, RelayCommand, RelayRegistry

AGENT, PHONE = Identity.from_hex("a1"), Identity.from_hex("b1")
USER = messages.User(id="u", email="e", name="n")

Packet = tuple[str, object]


class Phone:
    """A phone on one socket.

    A `strict` one checks the agent's signature, as this project's clients do; legacy apps do not.
    """

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.said: list[str] = []
        self._peer: messages.HandshakeInitiate | None = None

    def hear(self, event: str, payload: object) -> list[Packet]:
        self.said.append(event)
        if isinstance(payload, messages.HandshakeInitiate):
            self._peer = payload
            signature = sign(PHONE.shared_secret(payload.peer_public_key), payload.challenge)
            return [("handshake:response", messages.HandshakeSignature(peer_id=payload.peer_id, signature=signature))]
        if event == "handshake:verify" and isinstance(payload, messages.HandshakeSignature):
            assert self._peer is not None
            assert self._peer.peer_challenge is not None
            secret = PHONE.shared_secret(self._peer.peer_public_key)
            if self.strict and not verifies(secret, self._peer.peer_challenge, payload.signature):
                return [("error", messages.Notice(message="wrong signature"))]
            return [("handshake:confirmed", None)]
        return []


class Lines:
    """One agent `A` and phones `P0`, `P1`, ... on a relay. Every line is a queue each way."""

    def __init__(self) -> None:
        numbers: Iterator[int] = iter(range(1_000_000))
        self.rooms = RelayRegistry(Ledger(), lambda: f"{next(numbers):064x}")
        self.pairing = Pairing("agent", "Mac", AGENT, "token")
        self.phones: dict[str, Phone] = {}
        self.up: dict[str, deque[Packet]] = {"A": deque()}
        self.down: dict[str, deque[Packet]] = {"A": deque()}
        self.connections = 0
        self.opened = 0
        self.pairing.relay_connected(0)
        self.pairing.authenticated(messages.Authenticated(token="token", user=USER))
        self._do(self.rooms.join(ConnectedDevice("A", "u", "agent", "mac", "Mac", AGENT.public_hex)))

    def connect(self, strict: bool) -> str:
        """Connect the phone, or reconnect it on a new socket while the old one still exists."""
        sid = f"P{len(self.phones)}"
        self.phones[sid] = Phone(strict)
        self.up[sid], self.down[sid] = deque(), deque()
        self._do(self.rooms.join(ConnectedDevice(sid, "u", "phone", "mobile", "Phone", PHONE.public_hex)))
        return sid

    def tap(self, sid: str) -> None:
        self.up[sid].append(("request_connection", "agent"))

    def lines(self) -> list[tuple[str, str]]:
        """Return the lines with waiting messages."""
        up = [("up", sid) for sid, queue in self.up.items() if queue]
        return up + [("down", sid) for sid, queue in self.down.items() if queue]

    def deliver(self, line: tuple[str, str]) -> None:
        way, sid = line
        if way == "up":
            self._do(self._relay_hears(sid, *self.up[sid].popleft()))
        elif sid == "A":
            self._agent_hears(*self.down[sid].popleft())
        else:
            self.up[sid].extend(self.phones[sid].hear(*self.down[sid].popleft()))

    def drain(self) -> None:
        while self.lines():
            self.deliver(self.lines()[0])

    def _do(self, commands: list[RelayCommand]) -> None:
        for command in commands:
            if isinstance(command, Emit):
                self.down[command.sid].append((command.event, command.payload))
            else:
                self.up[command.sid].clear()
                self.down[command.sid].clear()

    def _relay_hears(self, sid: str, event: str, payload: object) -> list[RelayCommand]:
        match event, payload:
            case "request_connection", str(target):
                try:
                    return self.rooms.request(sid, target, 0.0)
                except PairingRefused as error:
                    return self.rooms.refusal(sid, error)
            case "handshake:response", messages.HandshakeSignature(signature=signature):
                return self.rooms.respond(sid, signature)
            case "handshake:confirmed", _:
                return self.rooms.confirm(sid)
            case "error", messages.Notice(message=message):
                return self.rooms.fail(sid, message)
        return []

    def _agent_hears(self, event: str, payload: object) -> None:
        match event, payload:
            case "handshake:initiate", messages.HandshakeInitiate() as message:
                commands = self.pairing.initiate(message)
            case "handshake:verify", messages.HandshakeSignature() as message:
                commands = self.pairing.verify(message)
            case "paired", messages.Paired() as message:
                commands = self.pairing.paired(message)
            case "paired_device_disconnected", _:
                commands = self.pairing.peer_left_relay(False, 0)
            case _:
                return
        for command in commands:
            if isinstance(command, SendToRelay):
                self.up["A"].append((command.event, command.payload))
            elif isinstance(command, OpenPeer):
                self.opened += 1
                self.connections = 1
            elif isinstance(command, ClosePeer):
                self.connections = 0


def both_are_joined(lines: Lines, sid: str) -> bool:
    pair = lines.rooms.pair_of(sid)
    return (
        pair is not None
        and pair.stage is PairStage.PAIRED
        and lines.pairing.phone_on_relay
        and lines.connections == 1
        and lines.rooms.receiver_of(sid) == pair.other(sid)
    )


@given(st.data())
@settings(max_examples=150)
def test_a_phone_that_taps_again_and_again_ends_up_paired(data: st.DataObject) -> None:
    lines = Lines()
    sid = lines.connect(strict=data.draw(st.booleans()))
    for tap_next in [True, *data.draw(st.lists(st.booleans(), max_size=40))]:
        if tap_next:
            lines.tap(sid)
        elif lines.lines():
            lines.deliver(data.draw(st.sampled_from(lines.lines())))
    lines.drain()
    assert both_are_joined(lines, sid)
    assert "error" not in lines.phones[sid].said
    assert lines.opened == lines.phones[sid].said.count("paired")


@given(st.data())
@settings(max_examples=150)
def test_a_phone_of_today_that_comes_back_at_any_moment_ends_up_paired(data: st.DataObject) -> None:
    lines = Lines()
    for _ in range(data.draw(st.integers(1, 3))):
        sid = lines.connect(strict=False)
        lines.tap(sid)
        for _ in range(data.draw(st.integers(0, 14))):
            if lines.lines():
                lines.deliver(data.draw(st.sampled_from(lines.lines())))
    lines.drain()
    assert both_are_joined(lines, sid)


def test_one_tap_is_one_pairing_and_one_peer_connection() -> None:
    lines = Lines()
    sid = lines.connect(strict=True)
    lines.tap(sid)
    lines.drain()
    assert both_are_joined(lines, sid)
    assert lines.opened == 1
    assert lines.phones[sid].said == [
        "available_devices",
        "handshake:initiate",
        "available_devices",
        "handshake:verify",
        "paired",
    ]
