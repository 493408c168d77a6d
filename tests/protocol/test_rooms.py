"""The relay's side of pairing: dialogues, and a stateful test of accounts, devices and sockets with a model."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.bounds import Ledger
from mobifai.errors import LimitReached, PairingRefused
from mobifai.limits import RELAY_SOCKETS
from mobifai.protocol import messages
from mobifai.protocol.relay_pairing import (
    CODE_ACTIONS,
    HANDSHAKE_SECONDS,
    ConnectedDevice,
    Disconnect,
    Emit,
    PairStage,
    RelayCommand,
    RelayRegistry,
    is_forwarded,
)
from tests.support.playbook import Only, Playbook, only, when

APPLICATION_EVENTS = ["webrtc:offer", "webrtc:ice-candidate", "terminal:output", "process:create", "processes:sync"]
OTHER_EVENTS = ["register", "paired", "error", "settings:updated", "handshake:confirmed", "auth_error", "disconnect"]


def challenges() -> Iterator[str]:
    return (f"{number:064x}" for number in itertools.count())


def rooms_for(sockets: int = 64) -> RelayRegistry:
    numbers = challenges()
    return RelayRegistry(Ledger({"relay.sockets": sockets}), lambda: next(numbers))


def an_agent(sid: str = "A", user: str = "u", device_id: str = "agent", **more: object) -> ConnectedDevice:
    return ConnectedDevice(sid, user, device_id, "mac", "Mac", "04aa", **more)  # type: ignore[arg-type]


def a_phone(sid: str = "P", user: str = "u", device_id: str = "phone", **more: object) -> ConnectedDevice:
    return ConnectedDevice(sid, user, device_id, "mobile", "Phone", "04bb", **more)  # type: ignore[arg-type]


def events(commands: list[RelayCommand]) -> list[tuple[str, str]]:
    """Return the notified sockets and their events, in order. A closed socket has the event `-`."""
    return [(each.sid, each.event) if isinstance(each, Emit) else (each.sid, "-") for each in commands]


def payloads(commands: list[RelayCommand], sid: str, event: str) -> list[object]:
    return [each.payload for each in commands if isinstance(each, Emit) and (each.sid, each.event) == (sid, event)]


def paired(rooms: RelayRegistry) -> RelayRegistry:
    rooms.join(an_agent())
    rooms.join(a_phone())
    rooms.request("P", "agent", 0.0)
    rooms.confirm("A")
    rooms.confirm("P")
    return rooms


def shaking_hands() -> RelayRegistry:
    rooms = rooms_for()
    rooms.join(an_agent())
    rooms.join(a_phone())
    rooms.request("P", "agent", 0.0)
    return rooms


def dialogue(rooms: RelayRegistry) -> Playbook:
    """A dialogue about the phone P."""

    def stage_of(rooms: RelayRegistry) -> PairStage:
        pair = rooms.pair_of("P")
        return pair.stage if pair is not None else PairStage.APART

    return Playbook(rooms, stage_of)


def to(sid: str, event: str) -> Only:
    """Expect this event for a socket, with any payload."""
    return only(Emit, sid=sid, event=event)


# -- dialogues


def test_a_pairing_from_first_to_last() -> None:
    available = [messages.AvailableDevice(device_id="agent", device_name="Mac", status="available", tab_count=2)]
    rooms = rooms_for()
    assert (
        dialogue(rooms)
        >> when.join(an_agent(tab_count=2))
        << to("A", "waiting_for_peer")
        >> when.join(a_phone())
        << Emit("P", "available_devices", available)
        << PairStage.APART
        >> when.request("P", "agent", 0.0)
        << to("A", "handshake:initiate")
        << to("P", "handshake:initiate")
        << Emit("P", "available_devices", [])
        << PairStage.HANDSHAKE
        >> when.respond("P", "ab")
        << to("A", "handshake:verify")
        >> when.respond("A", "cd")
        << to("P", "handshake:verify")
        >> when.confirm("A")
        << PairStage.HANDSHAKE
        >> when.confirm("P")
        << to("A", "paired")
        << to("P", "paired")
        << to("A", "request_dimensions")
        << PairStage.PAIRED
    )
    assert (rooms.receiver_of("P"), rooms.receiver_of("A")) == ("A", "P")
    assert dialogue(rooms) >> when.leave("P") << to("A", "paired_device_disconnected") << PairStage.APART
    assert rooms.receiver_of("A") is None


def test_each_side_gets_its_challenge_the_peers_key_and_the_peers_challenge() -> None:
    rooms = rooms_for()
    rooms.join(an_agent(features=("resume",)))
    rooms.join(a_phone(features=("ack",)))
    asked = rooms.request("P", "agent", 0.0)
    (to_agent,) = payloads(asked, "A", "handshake:initiate")
    (to_phone,) = payloads(asked, "P", "handshake:initiate")
    one, other = f"{0:064x}", f"{1:064x}"
    assert to_agent == messages.HandshakeInitiate(
        peer_id="phone", peer_public_key="04bb", challenge=one, peer_challenge=other, peer_features=("ack",)
    )
    assert to_phone == messages.HandshakeInitiate(
        peer_id="agent", peer_public_key="04aa", challenge=other, peer_challenge=one, peer_features=("resume",)
    )


def test_a_verifier_learns_whose_signature_it_is() -> None:
    rooms = rooms_for()
    rooms.join(an_agent())
    rooms.join(a_phone())
    rooms.request("P", "agent", 0.0)
    (verify,) = payloads(rooms.respond("P", "ab"), "A", "handshake:verify")
    assert verify == messages.HandshakeSignature(peer_id="phone", signature="ab")


def test_nothing_is_paired_by_one_side_confirming_twice() -> None:
    rooms = shaking_hands()
    assert dialogue(rooms) >> when.confirm("P") >> when.confirm("P") << PairStage.HANDSHAKE
    assert rooms.receiver_of("P") is None


def test_a_third_confirmation_announces_nothing() -> None:
    assert dialogue(paired(rooms_for())) >> when.confirm("A") << PairStage.PAIRED


def test_a_phone_that_asks_twice_during_the_handshake_begins_no_second_one() -> None:
    assert (
        dialogue(shaking_hands())
        >> when.request("P", "agent", 1.0)
        << PairStage.HANDSHAKE
        >> when.confirm("A")
        >> when.confirm("P")
        << to("A", "paired")
        << to("P", "paired")
        << to("A", "request_dimensions")
    )


def test_a_paired_phone_that_asks_for_the_same_agent_begins_another_handshake() -> None:
    rooms = paired(rooms_for())
    assert (
        dialogue(rooms)
        >> when.request("P", "agent", 1.0)
        << to("A", "handshake:initiate")
        << to("P", "handshake:initiate")
        << PairStage.HANDSHAKE
    )
    assert rooms.receiver_of("P") is None
    assert (
        dialogue(rooms)
        >> when.confirm("P")  # both had confirmed the earlier handshake, which no longer counts
        << PairStage.HANDSHAKE
    )


def test_a_phone_that_asks_for_another_agent_leaves_the_first() -> None:
    rooms = paired(rooms_for())
    rooms.join(an_agent("B", device_id="other"))
    asked = rooms.request("P", "other", 1.0)
    assert events(asked)[0] == ("A", "paired_device_disconnected")
    (devices,) = payloads(asked, "P", "available_devices")
    assert [device.device_id for device in devices] == ["agent"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sid", "target"), [("Q", "agent"), ("P", "elsewhere"), ("P", "phone"), ("A", "agent"), ("X", "agent"), ("P", "no")]
)
def test_a_request_that_can_not_be_met_is_refused_with_what_can(sid: str, target: str) -> None:
    rooms = paired(rooms_for())
    rooms.join(a_phone("Q", device_id="second"))
    rooms.join(an_agent("E", user="other", device_id="elsewhere"))
    with pytest.raises(PairingRefused) as refused:
        rooms.request(sid, target, 0.0)
    answer = rooms.refusal(sid, refused.value)
    assert payloads(answer, sid, "error") == [messages.Notice(message=str(refused.value))]
    assert payloads(answer, sid, "available_devices") == ([] if sid == "X" else [[]])


def test_a_handshake_that_fails_is_dropped_and_both_learn_why() -> None:
    rooms = rooms_for()
    rooms.join(an_agent())
    rooms.join(a_phone())
    rooms.request("P", "agent", 0.0)
    failed = rooms.fail("A", "the signature does not match" + "x" * 1000)
    assert events(failed) == [("A", "error"), ("P", "error"), ("P", "available_devices")]
    (notice,) = payloads(failed, "P", "error")
    assert "the signature does not match" in notice.message  # type: ignore[attr-defined]
    assert len(notice.message) <= 500  # type: ignore[attr-defined]
    assert rooms.pair_of("A") is rooms.pair_of("P") is None


def test_an_error_after_the_handshake_parts_nobody() -> None:
    assert dialogue(paired(rooms_for())) >> when.fail("P", "no") << PairStage.PAIRED


@pytest.mark.parametrize(("after", "dropped"), [(HANDSHAKE_SECONDS, False), (HANDSHAKE_SECONDS + 0.001, True)])
def test_a_handshake_has_its_time(after: float, dropped: bool) -> None:
    rooms = rooms_for()
    rooms.join(an_agent())
    rooms.join(a_phone())
    rooms.request("P", "agent", 5.0)
    assert (("P", "error") in events(rooms.expire(5.0 + after))) is dropped
    assert (rooms.pair_of("A") is None) is dropped


def test_a_pairing_has_no_end_of_its_own() -> None:
    assert dialogue(paired(rooms_for())) >> when.expire(1e9) << PairStage.PAIRED


def test_a_device_on_a_new_socket_replaces_itself() -> None:
    rooms = paired(rooms_for())
    assert events(rooms.join(a_phone("P2"))) == [
        ("A", "paired_device_disconnected"),
        ("P", "-"),
        ("P2", "available_devices"),
    ]
    assert "P" not in rooms
    assert "P2" in rooms


def test_the_same_device_id_in_another_account_is_another_device() -> None:
    rooms = paired(rooms_for())
    assert events(rooms.join(a_phone("Q", user="other"))) == [("Q", "available_devices")]
    assert rooms.pair_of("P") is not None
    assert events(rooms.revoke("other", "phone")) == [("Q", "auth_error"), ("Q", "-")]
    assert rooms.pair_of("P") is not None


@pytest.mark.parametrize(
    "now",
    [
        a_phone(user="other"),
        a_phone(device_id="second"),
        ConnectedDevice("P", "u", "phone", "mobile", "Phone", "04cc"),
        ConnectedDevice("P", "u", "phone", "mac", "Phone", "04bb"),
    ],
    ids=["another account", "another device", "another key", "another type"],
)
def test_a_socket_that_signs_in_as_somebody_else_keeps_no_pairing(now: ConnectedDevice) -> None:
    rooms = paired(rooms_for())
    assert ("A", "paired_device_disconnected") in events(rooms.join(now))
    assert rooms.pair_of("A") is rooms.pair_of("P") is None


def test_a_device_that_registers_again_as_itself_keeps_its_pairing() -> None:
    rooms = paired(rooms_for())
    assert rooms.join(an_agent(tab_count=7)) == []
    assert rooms.pair_of("A") is not None


def test_phones_hear_of_a_changed_number_of_tabs() -> None:
    rooms = rooms_for()
    rooms.join(a_phone())
    rooms.join(an_agent(tab_count=1))
    (devices,) = payloads(rooms.join(an_agent(tab_count=2)), "P", "available_devices")
    assert [device.tab_count for device in devices] == [2]  # type: ignore[attr-defined]
    assert rooms.join(an_agent(tab_count=2)) == [
        Emit("A", "waiting_for_peer", messages.Notice(message="Waiting for a phone"))
    ]


def test_a_revoked_device_is_disconnected_immediately_and_agents_drop_its_data_channel() -> None:
    rooms = paired(rooms_for())
    rooms.join(an_agent("E", user="other"))
    assert events(rooms.revoke("u", "phone")) == [
        ("P", "auth_error"),
        ("A", "paired_device_disconnected"),
        ("P", "-"),
        ("A", "device_revoked"),
    ]


@pytest.mark.parametrize(("before", "fits"), [(1, True), (2, False)])
def test_sockets_are_taken_up_to_the_limit(before: int, fits: bool) -> None:
    rooms = rooms_for(sockets=2)
    for number in range(before):
        rooms.join(an_agent(str(number), device_id=str(number)))
    if fits:
        rooms.join(a_phone())
    else:
        with pytest.raises(LimitReached):
            rooms.join(a_phone())
    assert ("P" in rooms) is fits


def test_a_full_relay_still_takes_a_device_that_comes_back() -> None:
    rooms = rooms_for(sockets=2)
    paired(rooms)
    rooms.join(a_phone("P2"))
    assert "P2" in rooms


@pytest.mark.parametrize("event", [*APPLICATION_EVENTS, *sorted(CODE_ACTIONS), "system:message", "ai:prompt", "code:x"])
def test_application_events_are_forwarded(event: str) -> None:
    assert is_forwarded(event)


@pytest.mark.parametrize(
    "event", [*OTHER_EVENTS, "", "terminal:", "terminal:a\n", "terminal:a b", "xterminal:a", "process:" + "a" * 41]
)
def test_other_events_are_not_forwarded(event: str) -> None:
    assert not is_forwarded(event)


def test_settings_reach_every_device_of_their_account_and_no_other() -> None:
    rooms = paired(rooms_for())
    rooms.join(a_phone("Q", user="other"))
    assert events(rooms.broadcast("u", "settings:updated", {})) == [
        ("A", "settings:updated"),
        ("P", "settings:updated"),
    ]


# -- stateful test

USERS = ["ann", "bob"]
IDS = ["d1", "d2", "d3"]
CAPACITY = 5


@dataclass(slots=True)
class Couple:
    """The model's state of a pair."""

    agent: str
    phone: str
    since: float
    confirmed: set[str] = field(default_factory=set)

    @property
    def joined(self) -> bool:
        return self.confirmed == {self.agent, self.phone}


class World(RuleBasedStateMachine):
    """Sockets come and go in any order; the model, the relay and the phones' messages must agree."""

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger({"relay.sockets": CAPACITY})
        numbers = challenges()
        self.rooms = RelayRegistry(self.ledger, lambda: next(numbers))
        self.now = 0.0
        self.next_sid = itertools.count()
        self.open: list[str] = []
        self.devices: dict[str, ConnectedDevice] = {}
        self.couples: list[Couple] = []
        self.listed: dict[str, list[str]] = {}
        self.gone: list[str] = []
        for device_id, kind in [("d1", "mac"), ("d2", "mobile"), ("d3", "mobile")]:
            self.connect()
            self._join(ConnectedDevice(self.open[-1], "ann", device_id, kind, "ann's", "04aa"))

    # - the model

    def couple_of(self, sid: str) -> Couple | None:
        return next((couple for couple in self.couples if sid in (couple.agent, couple.phone)), None)

    def part(self, sid: str) -> None:
        self.couples = [couple for couple in self.couples if sid not in (couple.agent, couple.phone)]

    def forget(self, sid: str) -> None:
        self.part(sid)
        if self.devices.pop(sid, None) is not None:
            self.listed.pop(sid, None)
            self.gone = [*self.gone[-10:], sid]

    def available(self, user: str) -> list[str]:
        return [
            f"{device.device_id} {device.tab_count}"
            for device in self.devices.values()
            if device.user == user and device.type == "mac" and self.couple_of(device.sid) is None
        ]

    def happen(self, commands: list[RelayCommand], *leaving: str) -> list[Emit]:
        """Deliver messages, only to sockets that exist or that get the reason for their end."""
        for command in commands:
            assert command.sid in self.open or command.sid in leaving
            if isinstance(command, Disconnect):
                assert self.rooms.leave(command.sid) == []  # the server's report of the closed socket comes too late
                if command.sid in self.open:
                    self.open.remove(command.sid)
            elif command.event == "available_devices":
                self.listed[command.sid] = [f"{device.device_id} {device.tab_count}" for device in command.payload]  # type: ignore[attr-defined]
        for sid in leaving:
            self.listed.pop(sid, None)
        return [command for command in commands if isinstance(command, Emit)]

    def some_sid(self, data: st.DataObject) -> str:
        """Return a socket, most often of a pair, otherwise any other one or a closed one."""
        anybody = st.sampled_from([*self.open, *self.gone, "nobody"])
        in_pairs = [sid for couple in self.couples for sid in (couple.agent, couple.phone)]
        return data.draw(st.sampled_from(in_pairs) | st.sampled_from(in_pairs) | anybody if in_pairs else anybody)

    def some_phone(self, data: st.DataObject) -> str:
        phones = [device.sid for device in self.devices.values() if device.type == "mobile"]
        return data.draw(st.sampled_from(phones)) if phones else self.some_sid(data)

    # - rules

    @precondition(lambda self: len(self.open) < CAPACITY + 2)
    @rule()
    def connect(self) -> None:
        self.open.append(f"s{next(self.next_sid)}")

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(),
        user=st.sampled_from(USERS),
        device_id=st.sampled_from(IDS),
        kind=st.sampled_from(["mac", "mobile"]),
        key=st.sampled_from(["04aa", "04bb"]),
        tabs=st.integers(0, 2),
    )
    def register(self, data: st.DataObject, user: str, device_id: str, kind: str, key: str, tabs: int) -> None:
        self._join(
            ConnectedDevice(data.draw(st.sampled_from(self.open)), user, device_id, kind, f"{user}'s", key, tabs)
        )

    def _join(self, device: ConnectedDevice) -> None:
        name = (device.user, device.device_id)
        replaced = [d.sid for d in self.devices.values() if (d.user, d.device_id) == name and d.sid != device.sid]
        if device.sid not in self.devices and not replaced and len(self.devices) == CAPACITY:
            with pytest.raises(LimitReached):
                self.rooms.join(device)
            return
        commands = self.rooms.join(device)
        for sid in replaced:
            assert Disconnect(sid) in commands
            self.forget(sid)
        known = self.devices.get(device.sid)
        if known is not None and known.proven != device.proven:
            self.forget(device.sid)
            self.gone.remove(device.sid)
        self.devices[device.sid] = device
        self.happen(commands, *replaced)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        sid = data.draw(st.sampled_from(self.open))
        couple = self.couple_of(sid)
        self.open.remove(sid)
        emits = self.happen(self.rooms.leave(sid))
        if couple is not None:
            other = couple.phone if sid == couple.agent else couple.agent
            expected = "paired_device_disconnected" if couple.joined else "error"
            assert (other, expected) in [(emit.sid, emit.event) for emit in emits]
        self.forget(sid)

    @rule(data=st.data(), wanted=st.sampled_from([*IDS, "d1", "d1", "nothing"]), anybody=st.booleans())
    def request(self, data: st.DataObject, wanted: str, anybody: bool) -> None:
        sid = self.some_sid(data) if anybody else self.some_phone(data)
        phone = self.devices.get(sid)
        agent = next(
            (
                device
                for device in self.devices.values()
                if phone and (device.user, device.device_id, device.type) == (phone.user, wanted, "mac")
            ),
            None,
        )
        held = self.couple_of(agent.sid) if agent else None
        if phone is None or phone.type != "mobile" or agent is None or (held and held.phone != sid):
            with pytest.raises(PairingRefused) as refused:
                self.rooms.request(sid, wanted, self.now)
            beyond = [] if sid in self.open else [sid]
            assert self.happen(self.rooms.refusal(sid, refused.value), *beyond)[0].event == "error"
            return
        emits = self.happen(self.rooms.request(sid, wanted, self.now))
        if held and not held.joined:
            assert emits == []
            return
        self.part(sid)
        self.couples.append(Couple(agent.sid, sid, self.now))
        assert {emit.sid for emit in emits if emit.event == "handshake:initiate"} == {sid, agent.sid}

    @rule(data=st.data())
    def respond(self, data: st.DataObject) -> None:
        sid = self.some_sid(data)
        couple = self.couple_of(sid)
        emits = self.happen(self.rooms.respond(sid, "ab"))
        if couple is None or couple.joined:
            assert emits == []
        else:
            other = couple.phone if sid == couple.agent else couple.agent
            assert [(emit.sid, emit.event) for emit in emits] == [(other, "handshake:verify")]

    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        sid = self.some_sid(data)
        couple = self.couple_of(sid)
        emits = self.happen(self.rooms.confirm(sid))
        if couple is None or couple.joined:
            assert emits == []
            return
        couple.confirmed.add(sid)
        expected = {couple.agent, couple.phone} if couple.joined else set()
        assert {emit.sid for emit in emits if emit.event == "paired"} == expected

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        sid = self.some_sid(data)
        couple = self.couple_of(sid)
        emits = self.happen(self.rooms.fail(sid, "no"))
        if couple is not None and not couple.joined:
            assert {emit.sid for emit in emits if emit.event == "error"} == {couple.agent, couple.phone}
            self.part(sid)
        else:
            assert emits == []

    @precondition(lambda self: self.couples)
    @rule(data=st.data())
    def both_confirm(self, data: st.DataObject) -> None:
        couple = data.draw(st.sampled_from(self.couples))
        for sid in (couple.agent, couple.phone):
            self.happen(self.rooms.confirm(sid))
            couple.confirmed.add(sid)

    @rule(data=st.data())
    def forward(self, data: st.DataObject) -> None:
        sid = self.some_sid(data)
        couple = self.couple_of(sid)
        if couple is None or not couple.joined:
            assert self.rooms.receiver_of(sid) is None
        else:
            assert self.rooms.receiver_of(sid) == (couple.phone if sid == couple.agent else couple.agent)

    @rule(user=st.sampled_from(USERS), device_id=st.sampled_from(IDS))
    def revoke(self, user: str, device_id: str) -> None:
        sids = [d.sid for d in self.devices.values() if (d.user, d.device_id) == (user, device_id)]
        commands = self.rooms.revoke(user, device_id)
        for sid in sids:
            self.forget(sid)
        emits = self.happen(commands, *sids)
        warned = {emit.sid for emit in emits if emit.event == "device_revoked"}
        assert warned == {d.sid for d in self.devices.values() if (d.user, d.type) == (user, "mac")}

    @rule(seconds=st.sampled_from([1.0, 8.0, HANDSHAKE_SECONDS, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        late = [one for one in self.couples if not one.joined and self.now - one.since > HANDSHAKE_SECONDS]
        self.couples = [one for one in self.couples if one not in late]
        emits = self.happen(self.rooms.expire(self.now))
        assert sorted(emit.sid for emit in emits if emit.event == "error") == sorted(
            sid for one in late for sid in (one.agent, one.phone)
        )

    # - invariants

    @invariant()
    def pairs_are_those_of_the_model_symmetric_and_within_an_account(self) -> None:
        for sid, device in getattr(self, "devices", {}).items():
            pair, couple = self.rooms.pair_of(sid), self.couple_of(sid)
            assert (pair is None) == (couple is None)
            if pair is None or couple is None:
                continue
            assert (pair.agent, pair.phone) == (couple.agent, couple.phone)
            assert (pair.stage is PairStage.PAIRED) == couple.joined
            assert self.rooms.pair_of(pair.other(sid)) == pair
            assert self.devices[pair.other(sid)].user == device.user
            assert (self.devices[pair.agent].type, self.devices[pair.phone].type) == ("mac", "mobile")

    @invariant()
    def every_phone_has_the_true_list(self) -> None:
        for sid, device in getattr(self, "devices", {}).items():
            if device.type == "mobile":
                assert sorted(self.listed[sid]) == sorted(self.available(device.user))

    @invariant()
    def a_device_is_on_one_socket(self) -> None:
        names = [(device.user, device.device_id) for device in getattr(self, "devices", {}).values()]
        assert len(names) == len(set(names))

    @invariant()
    def sockets_that_left_are_forgotten(self) -> None:
        if not hasattr(self, "rooms"):
            return
        for sid in self.gone:
            assert sid not in self.rooms
            assert self.rooms.pair_of(sid) is None
        entry = next(entry for entry in self.ledger.entries() if entry.name == RELAY_SOCKETS.name)
        assert entry.total == len(self.devices) + 2 * len(self.couples)


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=150, stateful_step_count=40)
