"""The relay's side of registration and pairing, as a state machine without I/O.

`RelayRegistry` keeps the devices that are signed in, by the ids of their sockets, and the pairs of a phone and an
agent. It takes events and returns commands. It handles no sockets, only the ids that the server gives them, and has no
clock: `now` is in seconds of any monotonic clock.

A phone and an agent are APART until the phone requests the agent. The relay then gives each of them a challenge and the
key of the other, and passes their signatures on (HANDSHAKE). Once both have confirmed the other's signature they are
PAIRED, and the relay forwards their messages. A handshake ends when a device reports a failure or when it takes too
long; a pair also ends when one of its devices leaves. A paired phone that sends another request begins another
handshake. A second request during a handshake changes nothing: answers to the first request would not fit new
challenges.

`TRANSITIONS` is the whole machine of one pair. An event without an entry is ignored. See sections 2 to 4 of
docs/reference/protocol.md.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import PairingRefused
from mobifai.limits import RELAY_SOCKETS
from mobifai.protocol import messages

HANDSHAKE_SECONDS = 15.0
"""How long, in seconds, two devices have to confirm each other. A phone answers within 3 round trips."""

CODE_ACTIONS = frozenset(
    {
        "initProject", "openCurrentDir", "getFolderChildren", "getFile", "saveFile", "createFile", "createFolder",
        "renameItem", "deleteItem", "openFile", "closeFile", "setActiveFile", "syncOpenFiles", "getFileDiff",
        "getProjectChanges", "closeProject", "getProjectsHistory",
    }
)  # fmt: skip
"""The actions of the code editor (section 6 of docs/reference/protocol.md). Through a relay an app sends only
`openCurrentDir`, as `code:openCurrentDir`; MobiFai accepts each action with and without the prefix."""

_APPLICATION = re.compile(r"(?:webrtc|terminal|process|processes|system|ai|code|e2e):[A-Za-z-]{1,40}\Z")


def is_forwarded(event: str) -> bool:
    """Return whether the relay forwards an event to the paired device.

    These are the events of sections 4 to 6 of docs/reference/protocol.md, and those with the prefix `e2e:`.
    """
    return event in CODE_ACTIONS or _APPLICATION.match(event) is not None


@dataclass(frozen=True, slots=True)
class Emit:
    """Send an event to the device on the socket `sid`."""

    sid: str
    event: str
    payload: object


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the socket `sid`."""

    sid: str


RelayCommand = Emit | Disconnect


@dataclass(frozen=True, slots=True)
class ConnectedDevice:
    """A device that is signed in on the socket `sid`.

    An agent may use several sockets, each for one phone. `seat` numbers them from 0.
    """

    sid: str
    user: str
    device_id: str
    type: str
    name: str
    public_key: str
    tab_count: int = 0
    features: tuple[str, ...] = ()
    seat: int = 0

    @property
    def proven(self) -> tuple[str, str, str, str]:
        """The properties that the device's token proves: account, id, type and key.

        Devices that differ in one of these are different devices.
        """
        return self.user, self.device_id, self.type, self.public_key


class PairStage(Enum):
    """The stage of the pairing of a phone and an agent. For devices that are APART, no `Pair` is stored."""

    APART = "apart"
    HANDSHAKE = "handshake"
    PAIRED = "paired"


class PairEvent(Enum):
    """An event that may change the stage of a pair."""

    REQUESTED = auto()
    """The phone requested to be paired with the agent."""
    SIGNED = auto()
    CONFIRMED = auto()
    """One device has confirmed the other's signature."""
    BOTH_CONFIRMED = auto()
    FAILED = auto()
    EXPIRED = auto()
    LEFT = auto()


TRANSITIONS: Mapping[PairStage, Mapping[PairEvent, PairStage]] = {
    PairStage.APART: {
        PairEvent.REQUESTED: PairStage.HANDSHAKE,
    },
    PairStage.HANDSHAKE: {
        PairEvent.SIGNED: PairStage.HANDSHAKE,
        PairEvent.CONFIRMED: PairStage.HANDSHAKE,
        PairEvent.BOTH_CONFIRMED: PairStage.PAIRED,
        PairEvent.FAILED: PairStage.APART,
        PairEvent.EXPIRED: PairStage.APART,
        PairEvent.LEFT: PairStage.APART,
    },
    PairStage.PAIRED: {
        PairEvent.REQUESTED: PairStage.HANDSHAKE,
        PairEvent.LEFT: PairStage.APART,
    },
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A phone and an agent.

    `phone` and `agent` are the ids of their sockets. `since` is the time when the handshake began.
    """

    agent: str
    phone: str
    stage: PairStage = PairStage.APART
    since: float = 0.0
    confirmed: frozenset[str] = field(default=frozenset())

    def other(self, sid: str) -> str:
        """Return the socket id of the pair's other device."""
        return self.phone if sid == self.agent else self.agent


class RelayRegistry:
    """The signed-in devices of all accounts, and their pairs. `new_challenge` returns 64 random hex digits.

    In all methods, `sid` is the id of a socket, and `user` identifies an account.
    """

    def __init__(self, ledger: Ledger, new_challenge: Callable[[], str]) -> None:
        self._devices: BoundedMap[str, ConnectedDevice] = BoundedMap(ledger.open(RELAY_SOCKETS))
        self._pairs: BoundedMap[str, Pair] = BoundedMap(ledger.open(RELAY_SOCKETS))  # both ends name the pair
        self._new_challenge = new_challenge

    def __contains__(self, sid: object) -> bool:
        return sid in self._devices

    def device(self, sid: str) -> ConnectedDevice | None:
        """Return the device on a socket, or None if no device is signed in on it."""
        return self._devices.get(sid)

    def pair_of(self, sid: str) -> Pair | None:
        """Return the pair to which the device on a socket belongs, or None."""
        return self._pairs.get(sid)

    def sockets_of(self, user: str, device_id: str) -> list[str]:
        """Return the ids of the sockets on which a device of an account is signed in: at most one for each seat."""
        return [one.sid for one in self._devices.values() if (one.user, one.device_id) == (user, device_id)]

    def of_user(self, user: str) -> list[ConnectedDevice]:
        """Return the devices of an account that are signed in."""
        return [device for device in self._devices.values() if device.user == user]

    def count(self) -> int:
        """Return how many devices are signed in. An agent counts once for each of its sockets."""
        return len(self._devices)

    def of_largest_user(self) -> list[ConnectedDevice]:
        """Return the devices of the account with the most signed-in devices, oldest first; [] if there are none."""
        users = {device.user for device in self._devices.values()}
        return max(map(self.of_user, users), key=len, default=[])

    # -- devices

    def join(self, device: ConnectedDevice) -> list[RelayCommand]:
        """Add a device that has signed in. It replaces an earlier connection of the same device and seat."""
        known = self._devices.get(device.sid)
        commands = self.leave(device.sid) if known is not None and known.proven != device.proven else []
        before = self._available(device.user)
        for sid in self.sockets_of(device.user, device.device_id):
            if sid != device.sid and self._devices[sid].seat == device.seat:
                commands += [*self._leave(sid), Disconnect(sid)]
        self._devices[device.sid] = device
        if device.type == "mobile":
            commands.append(self._list_for(device))
        elif device.sid not in self._pairs:
            commands.append(Emit(device.sid, "waiting_for_peer", messages.Notice(message="Waiting for a phone")))
        return commands + self._tell_changes(device.user, before, except_for=device.sid)

    def leave(self, sid: str) -> list[RelayCommand]:
        """Remove the device on a socket that was closed. If no device is signed in on it, do nothing."""
        device = self._devices.get(sid)
        if device is None:
            return []
        before = self._available(device.user)
        return self._leave(sid) + self._tell_changes(device.user, before)

    def _leave(self, sid: str) -> list[RelayCommand]:
        commands = self._part(sid, "The paired device disconnected")
        del self._devices[sid]
        return commands

    def _part(self, sid: str, message: str) -> list[RelayCommand]:
        """End the pair of the device on a socket, if it has one, and notify the other device."""
        pair = self._pairs.get(sid)
        if pair is None or self._follow(pair, PairEvent.LEFT) is None:
            return []
        event = "paired_device_disconnected" if pair.stage is PairStage.PAIRED else "error"
        return [Emit(pair.other(sid), event, messages.Notice(message=message))]

    def _follow(self, pair: Pair, event: PairEvent) -> Pair | None:
        """Change a pair to the stage that follows `event`, and store it. Delete a pair that becomes APART.

        Return the changed pair, or None if the event is ignored in the pair's present stage.
        """
        stage = TRANSITIONS[pair.stage].get(event)
        if stage is None:
            return None
        followed = replace(pair, stage=stage)
        if stage is PairStage.APART:
            del self._pairs[pair.agent], self._pairs[pair.phone]
        else:
            self._pairs[pair.agent] = self._pairs[pair.phone] = followed
        return followed

    # -- pairing

    def request(self, sid: str, target: str, now: float) -> list[RelayCommand]:
        """Begin a handshake between the phone on a socket and the agent with the id `target`.

        Raises PairingRefused; the caller then calls `refusal`.
        """
        phone, agent = self._devices.get(sid), self._agent(sid, target)
        if phone is None or phone.type != "mobile":
            raise PairingRefused("expected request_connection from a phone that is signed in")
        if agent is None:
            raise PairingRefused("that device is not an agent of this account, or it is not connected now")
        held = self._pairs.get(agent.sid)
        if held is not None and held.phone != sid:
            raise PairingRefused("that device is paired with another phone now")
        stage = held.stage if held is not None else PairStage.APART
        if PairEvent.REQUESTED not in TRANSITIONS[stage]:
            return []
        before = self._available(phone.user)
        commands = self._part(sid, "The phone asked for a new connection") if held is None else []
        self._follow(Pair(agent.sid, phone.sid, stage, now), PairEvent.REQUESTED)
        return commands + self._initiate(agent, phone) + self._tell_changes(phone.user, before)

    def refusal(self, sid: str, error: PairingRefused) -> list[RelayCommand]:
        """Send a refused phone the reason, and the agents that are available."""
        commands: list[RelayCommand] = [Emit(sid, "error", messages.Notice(message=str(error)))]
        device = self._devices.get(sid)
        return [*commands, self._list_for(device)] if device is not None else commands

    def _agent(self, sid: str, target: str) -> ConnectedDevice | None:
        """Return the agent that a phone requests, on one of the agent's seats.

        This is the seat with which the phone is paired, or else a free seat, or else any. Return None without such an
        agent.
        """
        asking = self._devices.get(sid)
        if asking is None:
            return None
        seats = [agent for agent in self._of(asking.user, "mac") if agent.device_id == target]
        own = self._pairs.get(sid)
        return min(seats, key=lambda one: (own is None or own.agent != one.sid, one.sid in self._pairs), default=None)

    def _initiate(self, agent: ConnectedDevice, phone: ConnectedDevice) -> list[RelayCommand]:
        challenges = {agent.sid: self._new_challenge(), phone.sid: self._new_challenge()}
        return [
            Emit(
                one.sid,
                "handshake:initiate",
                messages.HandshakeInitiate(
                    peer_id=other.device_id,
                    peer_public_key=other.public_key,
                    challenge=challenges[one.sid],
                    peer_challenge=challenges[other.sid],
                    peer_features=other.features,
                ),
            )
            for one, other in ((agent, phone), (phone, agent))
        ]

    def respond(self, sid: str, signature: str) -> list[RelayCommand]:
        """Pass the signature of a device on to its peer, which verifies it."""
        pair, device = self._pairs.get(sid), self._devices.get(sid)
        if pair is None or device is None or self._follow(pair, PairEvent.SIGNED) is None:
            return []
        message = messages.HandshakeSignature(peer_id=device.device_id, signature=signature)
        return [Emit(pair.other(sid), "handshake:verify", message)]

    def confirm(self, sid: str) -> list[RelayCommand]:
        """Record that a device has confirmed its peer's signature. Announce the pairing once both have."""
        pair = self._pairs.get(sid)
        if pair is None:
            return []
        pair = replace(pair, confirmed=pair.confirmed | {sid})
        event = PairEvent.BOTH_CONFIRMED if len(pair.confirmed) == 2 else PairEvent.CONFIRMED
        followed = self._follow(pair, event)
        return self._announce(followed) if followed is not None and followed.stage is PairStage.PAIRED else []

    def _announce(self, pair: Pair) -> list[RelayCommand]:
        agent, phone = self._devices[pair.agent], self._devices[pair.phone]
        return [
            Emit(agent.sid, "paired", messages.Paired(peer_id=phone.device_id, message=f"Paired with {phone.name}")),
            Emit(phone.sid, "paired", messages.Paired(peer_id=agent.device_id, message=f"Paired with {agent.name}")),
            Emit(agent.sid, "request_dimensions", messages.Empty()),
        ]

    def fail(self, sid: str, message: str) -> list[RelayCommand]:
        """End a handshake that a device reports as failed, and notify both devices."""
        pair = self._pairs.get(sid)
        return [] if pair is None else self._drop(pair, PairEvent.FAILED, f"The pairing was dropped: {message}"[:500])

    def expire(self, now: float) -> list[RelayCommand]:
        """End the handshakes that take longer than HANDSHAKE_SECONDS."""
        message = "The handshake took too long; try again"
        late = [
            pair
            for sid, pair in self._pairs.items()
            if sid == pair.agent and pair.stage is PairStage.HANDSHAKE and now - pair.since > HANDSHAKE_SECONDS
        ]
        return [command for pair in late for command in self._drop(pair, PairEvent.EXPIRED, message)]

    def _drop(self, pair: Pair, event: PairEvent, message: str) -> list[RelayCommand]:
        """End a handshake, and notify both devices. Do nothing if the event is ignored in the present stage."""
        user = self._devices[pair.agent].user
        before = self._available(user)
        if self._follow(pair, event) is None:
            return []
        notice = messages.Notice(message=message)
        errors: list[RelayCommand] = [Emit(sid, "error", notice) for sid in (pair.agent, pair.phone)]
        return errors + self._tell_changes(user, before)

    def revoke(self, user: str, device_id: str) -> list[RelayCommand]:
        """Disconnect a device that its account has revoked, and make the account's agents drop its data channel."""
        commands: list[RelayCommand] = []
        for sid in self.sockets_of(user, device_id):
            notice = messages.Notice(message="This device was revoked")
            commands += [Emit(sid, "auth_error", notice), *self.leave(sid), Disconnect(sid)]
        revoked = messages.DeviceRevoked(device_id=device_id)
        return commands + [Emit(agent.sid, "device_revoked", revoked) for agent in self._of(user, "mac")]

    def remove_user(self, user: str) -> list[RelayCommand]:
        """Disconnect all devices of an account that was removed."""
        notice = messages.Notice(message="The account of this device was removed from the relay")
        commands: list[RelayCommand] = []
        for device in self.of_user(user):
            commands += [Emit(device.sid, "auth_error", notice), *self._leave(device.sid), Disconnect(device.sid)]
        return commands

    # -- traffic

    def receiver_of(self, sid: str) -> str | None:
        """Return the id of the socket to which a device's application events are forwarded.

        Return None if the device is not paired.
        """
        pair = self._pairs.get(sid)
        return pair.other(sid) if pair is not None and pair.stage is PairStage.PAIRED else None

    def broadcast(self, user: str, event: str, payload: object) -> list[RelayCommand]:
        """Send an event to every signed-in device of an account."""
        return [Emit(device.sid, event, payload) for device in self.of_user(user)]

    # -- available agents

    def _of(self, user: str, kind: str) -> Iterator[ConnectedDevice]:
        return (device for device in self._devices.values() if device.user == user and device.type == kind)

    def _available(self, user: str) -> list[messages.AvailableDevice]:
        """Return the agents of an account that have a free seat."""
        free = {agent.device_id: agent for agent in self._of(user, "mac") if agent.sid not in self._pairs}
        return [
            messages.AvailableDevice(
                device_id=agent.device_id,
                device_name=agent.name,
                status="available",
                tab_count=agent.tab_count,
            )
            for agent in free.values()
        ]

    def _list_for(self, phone: ConnectedDevice) -> Emit:
        return Emit(phone.sid, "available_devices", self._available(phone.user))

    def _tell_changes(
        self, user: str, before: list[messages.AvailableDevice], except_for: str | None = None
    ) -> list[RelayCommand]:
        if self._available(user) == before:
            return []
        return [self._list_for(phone) for phone in self._of(user, "mobile") if phone.sid != except_for]
