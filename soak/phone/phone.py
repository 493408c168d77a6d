"""The synthetic phone: what the apps do, in Python, lean enough for hundreds in one process.

Owns its connection to the relay, its peer connection, and one task that answers handshakes and offers in the order in
which they come. Speaks sections 1 to 5 of the protocol to any relay and any agent; with `keys`, end to end encrypted.
"""

import asyncio
import json
from contextlib import suppress

from aiortc import InvalidAccessError, InvalidStateError

from mobifai.bounds import Ledger
from mobifai.errors import HandshakeFailed, MobiFaiError
from mobifai.protocol.features import BIND, ORDER
from mobifai.protocol.handshake import Identity, Party, bound_text, sign, verifies
from mobifai.protocol.noise import NO_SECRET
from mobifai.protocol.order import SIGNALS as SIGNALS_OF_CALLS
from mobifai.protocol.order import Way
from mobifai.session.ordering import Ordering
from soak.phone.encryption import E2E, RELAYS_OWN, TO_RELAY, EncryptionSession, PhoneKeys
from soak.phone.event_log import Json, PhoneError
from soak.phone.frames import FrameStyle, frame
from soak.phone.interface import PhoneInterface
from soak.phone.offsets import Reply
from soak.phone.peer_connection import PhonePeerConnection
from soak.phone.relay_connection import PhoneRelayConnection

SIGNALS = 256
"""Handshakes, offers and candidates that wait for their turn; an agent sends some ten for one pairing."""
ANSWER_SECONDS = 5.0
"""How long the answer to one signal may take once the phone wants to go."""
CANDIDATES = 64
"""Candidates that came before their offer."""

REPLY = "reply"
"""What this phone itself has to say about output that came."""

_SIGNALS = frozenset({"handshake:initiate", "handshake:verify", "webrtc:offer", "webrtc:ice-candidate"})


class Phone(PhoneInterface):
    """A phone for one relay.

    `identity` is made when none is given. Without `webrtc` offers are not answered, and everything goes through the
    relay. `frame_style` is the form of its frames: React Native's or Flutter's. With `keys` it is paired once the agent
    has shown its key, and with `ordered` its messages have one order over both paths.
    """

    def __init__(
        self,
        relay_url: str,
        token: str | None = None,
        *,
        name: str,
        device_id: str | None = None,
        identity: Identity | None = None,
        webrtc: bool = True,
        frame_style: FrameStyle = "react",
        keep_output: bool = False,
        features: tuple[str, ...] = (),
        keys: PhoneKeys | None = None,
        ordered: bool = True,
    ) -> None:
        super().__init__(name=name, token=token, device_id=device_id, keep_output=keep_output, features=features)
        self.relay_url = relay_url
        self.identity = identity or Identity.generate()
        self.keys = keys
        """What it knows of the agent end to end; None: it trusts the relay."""
        self.forged = 0
        """Messages in clear that were not the relay's own, and were passed over."""
        self._session: EncryptionSession | None = None
        self._paired: Json = None
        self._webrtc = webrtc
        self._ordered = ordered
        self._frame_style = frame_style
        self._link: PhoneRelayConnection | None = None
        self._peer: PhonePeerConnection | None = None
        self._early: list[dict[str, Json]] = []
        self._offered: int | None = None
        self._secret = b""
        self._challenge: str | None = None
        self._signals: asyncio.Queue[tuple[str, Json] | None] = asyncio.Queue(SIGNALS)
        self._answering: asyncio.Task[None] | None = None
        self._order: Ordering[tuple[str, Json, Way]] = Ordering(
            Ledger(),
            lambda message: self.receive(message[0], message[1], "relay" if message[2] is Way.RELAY else "channel"),
            lambda: self._signal("order:lost", None),
            self._order_is_broken,
        )

    # -- coming and going

    async def leave(self) -> None:
        """Say goodbye on every path; an answer that is being made is dropped. Twice changes nothing."""
        self._order.begin(ordered=False)
        try:
            await self._stop_answering()
        finally:
            await super().leave()

    async def vanish(self) -> None:
        """Be gone without a goodbye: UDP falls silent, TCP ends without a close frame."""
        self._order.begin(ordered=False)
        try:
            await self._stop_answering()
        finally:
            link, self._link = self._link, None
            peer, self._peer = self._peer, None
            if peer is not None:
                await peer.vanish()
            if link is not None:
                await link.cut()
            self._relay_lost()

    def _start_answering(self) -> None:
        if self._answering is None:
            self._signals = asyncio.Queue(SIGNALS)
            self._answering = asyncio.create_task(self._answer_signals(), name=f"{self.name} answers")

    async def _stop_answering(self) -> None:
        """End the task after the signal that it is at: cut short, an answer would leave sockets behind.

        What it had opened is in `_peer`. Raises its failure.
        """
        answering, self._answering = self._answering, None
        if answering is None:
            return
        while not self._signals.empty():
            self._signals.get_nowait()
        self._signals.put_nowait(None)
        await asyncio.wait([answering], timeout=ANSWER_SECONDS)
        answering.cancel()
        await asyncio.wait([answering])
        if not answering.cancelled() and (failure := answering.exception()) is not None:
            raise failure

    # -- the relay

    @property
    def relay_is_up(self) -> bool:
        """Whether the connection to the relay stands."""
        return self._link is not None and self._link.is_up

    async def _open_relay(self) -> None:
        await self.drop_relay()
        self._start_answering()
        link = PhoneRelayConnection(self._from_relay, self._relay_lost)
        await link.open(self.relay_url, self.token)
        self._link = link

    async def _register(self) -> None:
        token = {} if self.token is None else {"token": self.token}
        who = {"type": "mobile", "deviceId": self.device_id, "deviceName": self.name}
        features = [*self.features, *([E2E, BIND] if self._binds else [])]
        listed = {"features": features} if features else {}
        await self._to_relay("register", {**who, **token, **listed, "publicKey": self.identity.public_hex})

    async def _to_relay(self, event: str, payload: Json) -> None:
        if self._link is None:
            raise PhoneError("not_connected", f"{self.name} has no connection to the relay; {event} was not sent")
        if self.keys is not None and event not in TO_RELAY:
            if self._session is None or not self._session.is_open:
                raise PhoneError("not_connected", f"{self.name} has no session with the agent; {event} was not sent")
            event, payload = "e2e:sealed", self._session.seal(event, payload, self._number(event))
        await self._link.emit(event, payload)

    def _from_relay(self, event: str, payload: Json) -> None:
        if self.keys is None:
            self._take(event, payload)
        elif event not in RELAYS_OWN:
            self.forged += 1
        else:
            self._from_relay_with_seal(event, payload)

    def _take(self, event: str, payload: Json) -> None:
        if event in _SIGNALS:
            self._signal(event, payload)
        self.receive(event, payload, "relay")

    # -- end to end

    def _from_relay_with_seal(self, event: str, payload: Json) -> None:
        """`paired` is told once the agent has shown its key; what comes sealed is taken as if it came by itself."""
        try:
            match event:
                case "paired":
                    self._paired = payload
                    self._signal("e2e:begin", None)
                case "e2e:welcome" if self._session is not None and not self._session.is_open:
                    self._session.welcomed(payload)
                    self._order.begin(ordered=self._ordered and ORDER in self._session.agent["features"])
                    self._signal("e2e:welcomed", None)
                case "e2e:sealed" if self._session is not None and self._session.is_open:
                    self._in_order(Way.RELAY, *self._session.open_numbered(payload))
                case "e2e:welcome" | "e2e:sealed":
                    self.forged += 1
                case "e2e:refused":
                    self._session_is_over(f"{payload['reason']}: {payload['message']}", payload)
                case "paired_device_disconnected":
                    self._session = None
                    self._take(event, payload)
                case _:
                    self._take(event, payload)
        except (MobiFaiError, ValueError, LookupError, TypeError, AttributeError) as error:
            self._session_is_over(f"{type(error).__name__}: {error}", None)

    def _number(self, event: str) -> int | None:
        """The number of a message in the session, if its messages have an order."""
        return None if event.startswith("e2e:") else self._order.numbering.take(event)

    def _in_order(self, way: Way, event: str, payload: Json, number: int | None) -> None:
        if self._order.is_on and not event.startswith(SIGNALS_OF_CALLS):
            self._order.came(way, number, (event, payload, way))
            return
        if event == "webrtc:offer":
            self._offered = number
        if way is Way.RELAY:
            self._take(event, payload)
        else:
            self.receive(event, payload, "channel")

    def _order_is_broken(self, why: str) -> None:
        self._session_is_over(f"broken: {why}", None)
        self._signal("order:broken", None)

    def _session_is_over(self, why: str, refused: Json) -> None:
        self._session = self.paired_with = None
        if isinstance(refused, dict):
            if refused.get("reason") == "link-used" and self.keys is not None:
                self.keys.psk = NO_SECRET  # the link is void; if this phone used it, the agent knows its key by now
            self.receive("e2e:refused", refused, "relay")
        self.receive("error", {"message": why}, "phone")

    async def _greet(self) -> None:
        assert self.keys is not None  # noqa: S101 - only such a phone does this
        self._session = EncryptionSession(self.keys, self.device_id, self.name, self._features_within())
        await self._to_relay("e2e:hello", self._session.hello())

    def _features_within(self) -> tuple[str, ...]:
        """What it says within the handshake that it can do."""
        return (*self.features, E2E, BIND, ORDER) if self._ordered else (*self.features, E2E, BIND)

    @property
    def _binds(self) -> bool:
        """Whether what it signs in a handshake names both devices: every phone does that encrypts."""
        return self.keys is not None

    def _relay_lost(self) -> None:
        self._session = None
        super()._relay_lost()

    async def drop_relay(self) -> None:
        """Close the connection to the relay; the data channel stays."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
            self._relay_lost()

    # -- handshakes and offers, one after the other

    def _signal(self, event: str, payload: Json) -> None:
        try:
            self._signals.put_nowait((event, payload))
        except asyncio.QueueFull:
            self._changes.fail(PhoneError("error", f"more than {SIGNALS} signals wait for {self.name} to answer them"))

    async def _answer_signals(self) -> None:
        while (signal := await self._signals.get()) is not None:
            try:
                await self._answer(*signal)
            except (HandshakeFailed, PhoneError, InvalidAccessError, InvalidStateError, OSError) as error:
                # The other side's fault, or the connection's: what waits for the outcome is told as by an event.
                self.receive("error", {"message": f"{type(error).__name__}: {error}"}, "phone")
            except Exception as error:
                self._changes.fail(error)
                raise

    def _reply(self, said: Reply, path: str) -> None:
        self._signal(REPLY, (said, path))

    async def _say(self, said: Reply, path: str) -> None:
        with suppress(PhoneError):  # the path is gone, and what was to be said with it
            await (self._to_channel(*said) if path == "channel" else self._to_relay(*said))

    async def _answer(self, event: str, payload: Json) -> None:
        match event:
            case "e2e:begin":
                await self._greet()
            case "e2e:welcomed":
                await self._to_relay("e2e:ready", {})
                self.receive("paired", self._paired, "relay")
            case "reply":  # REPLY
                await self._say(*payload)
            case "handshake:initiate":
                await self._respond(payload)
            case "handshake:verify":
                await self._confirm(payload)
            case "channel:ended":
                await self._drop_dead_peer()
            case "order:lost":
                await self.drop_channel()
            case "order:broken":
                await self.drop_channel()
                await self.drop_relay()
            case "webrtc:offer" if self._webrtc:
                await self._accept(payload["offer"])
            case "webrtc:ice-candidate" if self._webrtc:
                await self._add_candidate(payload["candidate"])

    async def _respond(self, payload: dict[str, Json]) -> None:
        self._secret = self.identity.shared_secret(payload["peerPublicKey"])
        to_sign, self._challenge, self.verified = payload["challenge"], payload.get("peerChallenge"), None
        if self._binds and self._challenge is not None and BIND in payload.get("peerFeatures", ()):
            phone = Party("mobile", self.device_id, self.identity.public_hex, to_sign)
            agent = Party("mac", payload["peerId"], payload["peerPublicKey"], self._challenge)
            to_sign, self._challenge = bound_text(phone, agent), bound_text(agent, phone)
        signature = sign(self._secret, to_sign)
        await self._to_relay("handshake:response", {"peerId": payload["peerId"], "signature": signature})

    async def _confirm(self, payload: dict[str, Json]) -> None:
        if self._challenge is not None:
            self.verified = verifies(self._secret, self._challenge, payload["signature"])
        if self.verified is False:
            await self._to_relay("error", {"message": "the agent's signature does not match its key"})
            raise HandshakeFailed("expected the agent's signature over its challenge; found another")
        await self._to_relay("handshake:confirmed", {"peerId": payload["peerId"]})

    async def _accept(self, offer: dict[str, Json]) -> None:
        """Answer an offer; a peer connection from before ends. Candidates go ahead of the answer, as with the apps."""
        early = self._early
        await self.drop_channel()
        self._order.channel_begins(self._offered)
        peer = self._peer = PhonePeerConnection(self._from_channel, self._channel_changed)
        answer = await peer.answer(offer)
        for candidate in early:
            await peer.add_candidate(candidate)
        for candidate in answer.candidates:
            await self._to_relay("webrtc:ice-candidate", {"candidate": candidate})
        await self._to_relay("webrtc:answer", {"answer": answer.description})

    async def _add_candidate(self, candidate: dict[str, Json]) -> None:
        if self._peer is not None:
            await self._peer.add_candidate(candidate)
        else:
            self._early = [*self._early, candidate][-CANDIDATES:]

    # -- the data channel

    @property
    def channel_is_open(self) -> bool:
        """Whether the data channel can be written to."""
        return self._peer is not None and self._peer.is_open

    async def _to_channel(self, event: str, payload: Json) -> None:
        if self._peer is None:
            raise PhoneError("not_connected", f"{self.name} has no data channel; {event} was not sent")
        number = self._number(event)
        numbered = {} if number is None else {"seq": number}
        await self._peer.send(json.dumps({**frame(self._frame_style, event, payload), **numbered}))

    async def begin_message(self, size: int) -> None:
        """Send a message of so many bytes on the data channel, without its end. Raises PhoneError."""
        if self._peer is None:
            raise PhoneError("not_connected", f"{self.name} has no data channel")
        await self._peer.begin_message(size)

    def stop_acknowledging(self) -> None:
        """Confirm nothing any more of what comes on the data channel. Raises PhoneError."""
        if self._peer is None:
            raise PhoneError("not_connected", f"{self.name} has no data channel")
        self._peer.stop_acknowledging()

    def skip_number(self) -> None:
        """Leave a number out: the messages after it are in order, and one before them never comes."""
        self._number("terminal:input")

    def _from_channel(self, text: str) -> None:
        try:
            message = json.loads(text)
            event, payload = message["type"], message["payload"]
        except (ValueError, LookupError, TypeError) as error:
            self._changes.fail(
                PhoneError("error", f"expected a frame with type and payload; found {text[:200]!r}: {error}")
            )
        else:
            self._in_order(Way.CHANNEL, event, payload, message.get("seq"))

    def _channel_changed(self) -> None:
        if self._peer is not None and self._peer.is_over and not self._signals.full():
            self._signals.put_nowait(("channel:ended", None))
        self._changes.notify()

    async def _drop_dead_peer(self) -> None:
        if self._peer is not None and self._peer.is_over:
            await self.drop_channel()

    async def drop_channel(self) -> None:
        """Close the peer connection; the relay stays."""
        peer, self._peer = self._peer, None
        self._early = []
        if peer is not None:
            await peer.close()
            self._order.channel_ended()
            self._changes.notify()
