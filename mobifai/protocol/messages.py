"""The messages of the wire protocol (sections 2 to 5), as strict types.

`decode` turns what came from outside into one of these values or raises BadMessage; nothing else in the product reads a
payload from outside. The wire's names are camelCase, as today's peers write them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from mobifai import limits
from mobifai.errors import BadMessage

Id = Annotated[str, Meta(min_length=1, max_length=limits.MAX_ID, pattern=r"^[A-Za-z0-9_.:-]+\Z")]
Name = Annotated[str, Meta(max_length=limits.MAX_NAME)]
Text = Annotated[str, Meta(max_length=limits.MAX_INPUT)]
Token = Annotated[str, Meta(max_length=limits.MAX_TOKEN, pattern=r"^[!-~]*\Z")]  # it goes into an HTTP header
Remark = Annotated[str, Meta(max_length=2000)]
Sdp = Annotated[str, Meta(max_length=limits.MAX_SDP)]
Number = Annotated[int, Meta(ge=-(2**53), le=2**53)]  # what JSON holds exactly everywhere
Position = Annotated[int, Meta(ge=0, le=2**53)]
Hex = Annotated[str, Meta(min_length=2, max_length=256, pattern=r"^[0-9a-fA-F]+\Z")]
Feature = Annotated[str, Meta(max_length=limits.MAX_ID)]
Features = Annotated[tuple[Feature, ...], Meta(max_length=limits.MAX_FEATURES)]


class Message(Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The base of every payload. Fields that a type does not know are passed over."""


# -- section 2: registration and sign-in


class Register(Message, frozen=True):
    """A device says who it is."""

    type: Literal["mac", "mobile"]
    device_id: Id
    public_key: Hex
    token: Token | None = None
    device_name: Name | None = None
    tab_count: Number | None = None
    features: Features = ()


class User(Message, frozen=True, omit_defaults=False):
    """An account, as a device sees it."""

    id: Remark
    email: Remark
    name: Remark
    photo: Annotated[str, Meta(max_length=limits.MAX_TOKEN)] | None = None


class Authenticated(Message, frozen=True):
    """The relay knows the device. The device keeps the token."""

    token: Annotated[Token, Meta(min_length=1)]
    user: User


class LoginRequired(Message, frozen=True):
    """The device has no valid token. `login_url` is a path on the relay."""

    message: Remark
    login_url: Annotated[str, Meta(max_length=2048, pattern=r"^[!-~]*\Z")]


class Notice(Message, frozen=True):
    """`auth_error`, `error`, `waiting_for_peer` and `paired_device_disconnected`."""

    message: Remark = ""


class AvailableDevice(Message, frozen=True):
    """One agent that a phone can ask for."""

    device_id: str
    device_name: str
    status: str
    tab_count: Number


# -- section 3: pairing


class RequestConnection(Message, frozen=True):
    """A phone asks for an agent."""

    target_device_id: Id


class HandshakeInitiate(Message, frozen=True):
    """Prove yourself to the peer. `peer_challenge` and `peer_features` are this project's additions."""

    peer_id: Id
    peer_public_key: Hex
    challenge: Hex
    peer_challenge: Hex | None = None
    peer_features: Features = ()


class HandshakeSignature(Message, frozen=True):
    """`handshake:response` and `handshake:verify`."""

    peer_id: Id
    signature: Hex


class HandshakeConfirmed(Message, frozen=True):
    """The device accepts its peer."""

    peer_id: Id | None = None


class Paired(Message, frozen=True):
    """Two devices are joined."""

    peer_id: Id
    message: Remark = ""


class Invitation(Message, frozen=True, rename=None):
    """A new phone's way in, as the relay's `POST /api/pairing` answers; `expires_at` is ISO 8601."""

    token: Token
    code: Annotated[str, Meta(max_length=limits.MAX_ID, pattern=r"^[A-Za-z0-9-]+\Z")]
    expires_at: Annotated[datetime, Meta(tz=True)]


class ListedDevice(Message, frozen=True, omit_defaults=False):
    """One device of the account, as the relay's `GET /api/devices` lists it."""

    device_id: Id
    name: Name
    type: Literal["mac", "mobile"]
    created_at: Annotated[str, Meta(max_length=limits.MAX_ID)]
    last_seen: Annotated[str, Meta(max_length=limits.MAX_ID)]
    connected: bool


class ListedDevices(Message, frozen=True, omit_defaults=False):
    """The answer to `GET /api/devices`."""

    devices: Annotated[tuple[ListedDevice, ...], Meta(max_length=1000)]


class DeviceRevoked(Message, frozen=True):
    """An addition of this project: a device of this account may no longer come in."""

    device_id: Id


class Echo(Message, frozen=True):
    """`relay:echo` and `system:echo`, additions of this project: it comes back, so that who asks knows that bytes get
    through.
    """

    nonce: Id


class Empty(Message, frozen=True):
    """A payload of which nothing is read."""


# -- section 4: WebRTC


class Description(Message, frozen=True):
    """An SDP description."""

    type: Literal["offer", "answer", "pranswer", "rollback"]
    sdp: Sdp


class Offer(Message, frozen=True):
    """`webrtc:offer`."""

    offer: Description


class Answer(Message, frozen=True):
    """`webrtc:answer`."""

    answer: Description


class Candidate(
    Message, frozen=True, omit_defaults=False, rename={"sdp_mid": "sdpMid", "sdp_mline_index": "sdpMLineIndex"}
):
    """One ICE candidate; an empty `candidate` ends the list."""

    candidate: Annotated[str, Meta(max_length=2048)]
    sdp_mid: Annotated[str, Meta(max_length=limits.MAX_ID)] | None = None
    sdp_mline_index: Number | None = None


class IceCandidate(Message, frozen=True):
    """`webrtc:ice-candidate`; None ends the list."""

    candidate: Candidate | None = None


# -- section 5: terminals. Sizes are plain integers here: whether one fits is for the terminal to say.


class ProcessCreate(Message, frozen=True):
    """`process:create`."""

    uuid: Id
    name: Name | None = None
    cols: Number | None = None
    rows: Number | None = None


class ProcessRef(Message, frozen=True):
    """`process:terminate`, and the agent's `process:terminated` and, for most phones, `process:exited`."""

    uuid: Id


class Exit(Message, frozen=True):
    """How a shell ended: with a status, or by a signal of this name."""

    status: int | UnsetType = UNSET
    signal: str | UnsetType = UNSET


class ProcessExited(Message, frozen=True):
    """`process:exited` for phones with `exits`. `kept`: the terminal stays to be looked at until it is closed."""

    uuid: str
    exited: Exit
    kept: bool = False


class ProcessNamed(Message, frozen=True):
    """`process:rename`, and the agent's `process:created` and `process:renamed`."""

    uuid: Id
    name: Annotated[str, Meta(min_length=1, max_length=limits.MAX_NAME)]


class ProcessSwitch(Message, frozen=True, omit_defaults=False):
    """`process:switch`: only these forward output."""

    active_uuids: Annotated[tuple[Id, ...], Meta(max_length=512)]


class ProcessData(Message, frozen=True):
    """`terminal:input`."""

    uuid: Id
    data: Text


class Output(Message, frozen=True):
    """`process:screen` and `terminal:output`.

    The rest is for phones with `ack` or `resume`: positions in the terminal's stream, in bytes, of the first byte and
    after the last one (of a screen only its last part has `end`, and none `offset`), and how many bytes are left out.
    """

    uuid: str
    data: str
    offset: int | None = None
    end: int | None = None
    skipped: int | None = None


class TerminalAck(Message, frozen=True):
    """`terminal:ack`, for phones with `ack`: all of a terminal's output up to the position `end` is rendered."""

    uuid: Id
    end: Position


class Place(Message, frozen=True):
    """How far a phone is with one terminal: it has all of `stream` up to `end`. Without them, nothing."""

    uuid: Id
    stream: Id | None = None
    end: Position | None = None


class TerminalResume(Message, frozen=True):
    """`terminal:resume`, for phones with `resume`: go on from there with these terminals."""

    terminals: Annotated[tuple[Place, ...], Meta(max_length=512)]


class ProcessError(Message, frozen=True):
    """`process:error`; `uuid` is empty when the message named none."""

    uuid: str
    error: str


class ProcessPrinted(Message, frozen=True):
    """A terminal that the phone does not show has printed, up to here: once, until it was shown again."""

    uuid: str
    end: int


class ProcessInfo(Message, frozen=True, omit_defaults=False):
    """One terminal of `processes:sync`. `created_at` is in ms since the epoch.

    For phones with `resume`: the name of the stream of its bytes, and how many of them there are. For phones with
    `exits`: how its shell ended, if it has.
    """

    uuid: str
    name: str
    created_at: Number
    stream: str | UnsetType = UNSET
    end: int | UnsetType = UNSET
    exited: Exit | UnsetType = UNSET


class ProcessesSync(Message, frozen=True, omit_defaults=False):
    """`processes:sync`.

    `resume`: the agent waits for a `terminal:resume`. `window`: bytes of a terminal's output that it sends before it
    waits for a `terminal:ack`.
    """

    processes: tuple[ProcessInfo, ...]
    active_uuids: tuple[str, ...]
    resume: bool | UnsetType = UNSET
    window: int | UnsetType = UNSET


class Action(Message, frozen=True):
    """One entry of `terminal:actions`: `command` is typed with Enter, `text` without."""

    type: Literal["text", "command"]
    value: Text
    label: Name | None = None


class TerminalActions(Message, frozen=True):
    """`terminal:actions`."""

    uuid: Id
    actions: Annotated[tuple[Action, ...], Meta(max_length=limits.MAX_ACTIONS)]


class TerminalResize(Message, frozen=True):
    """`terminal:resize` and `terminal:dimensions`; without `uuid` all terminals."""

    cols: Number
    rows: Number
    uuid: Id | None = None


class SystemMessage(Message, frozen=True):
    """`system:message`."""

    type: str


class Prompt(Message, frozen=True):
    """`ai:prompt`."""

    prompt: Annotated[str, Meta(min_length=1, max_length=limits.MAX_PROMPT)]
    uuid: Id | None = None


# -- the assistant: additions of this project, but for the prompt. `conversation` says which one an event is of.


class AiCancel(Message, frozen=True):
    """`ai:cancel`: stop what runs in this terminal, or in all of them."""

    uuid: Id | None = None


class AiApprove(Message, frozen=True):
    """`ai:approve`: the answer to the `ai:approval` of this id."""

    id: Id
    ok: bool


class AiStarted(Message, frozen=True):
    """`ai:started`: the assistant works on a prompt, in this terminal."""

    uuid: str
    conversation: int
    prompt: str


class AiStep(Message, frozen=True):
    """One action: a text or key that is typed, a pause of `ms`, or a look at the screen. `risk` says why it is one.

    `line`: the command line that an Enter runs, as the screen shows it.
    """

    type: Literal["keystroke", "delay", "request_screen"]
    text: str | None = None
    key: str | None = None
    ms: int | None = None
    risk: str | None = None
    line: str | None = None


class AiAction(Message, frozen=True):
    """`ai:action`: what the assistant does now, in this turn (from 1)."""

    uuid: str
    conversation: int
    turn: int
    action: AiStep


class AiMessage(Message, frozen=True):
    """`ai:message`: what the model says to the person, or the agent about the model (`source`)."""

    uuid: str
    conversation: int
    text: str
    source: Literal["model", "agent"] = "model"


class AiFinished(Message, frozen=True):
    """`ai:finished`: the conversation is over, as the model or the person wanted."""

    uuid: str
    conversation: int
    turns: int
    tokens: int
    outcome: Literal["done", "cancelled"]


class AiError(Message, frozen=True):
    """`ai:error`: the conversation is over, or (without `conversation`) could not begin, or a request was refused."""

    uuid: str
    error: str
    conversation: int | None = None
    turns: int | None = None
    tokens: int | None = None


class AiAnswered(Message, frozen=True):
    """`ai:answered`: an `ai:approval` does not wait any more, whoever answered it, or nobody (`ok` is false)."""

    uuid: str
    conversation: int
    id: str
    ok: bool


class AiConversations(Message, frozen=True):
    """`ai:conversations`: in these terminals the assistant is at work; an `ai:history` of each follows."""

    running: tuple[str, ...]


class AiEvent(Message, frozen=True):
    """One event of an `ai:history`: what the message of this type said."""

    type: str
    payload: Any


class AiHistory(Message, frozen=True, omit_defaults=False):
    """`ai:history`: the newest conversation of a terminal. `dropped`: how many events before these are gone."""

    uuid: str
    conversation: int
    running: bool
    prompt: str
    events: tuple[AiEvent, ...]
    dropped: int


class AiApproval(Message, frozen=True):
    """`ai:approval`: these actions wait for an `ai:approve` with this id, for so many seconds."""

    uuid: str
    conversation: int
    id: str
    actions: tuple[AiStep, ...]
    seconds: float


# -- end-to-end encryption: additions of this project


class E2eHandshake(Message, frozen=True):
    """`e2e:hello` and `e2e:welcome`: a message of Noise's handshake, in Base64 with padding."""

    message: Annotated[str, Meta(max_length=16 << 10)]


class E2eSealed(Message, frozen=True):
    """`e2e:sealed`: a frame, encrypted as a message of Noise's transport, in Base64 with padding."""

    data: Annotated[str, Meta(max_length=limits.MAX_SEALED)]


class E2eRefused(Message, frozen=True):
    """`e2e:refused`, in clear: the session ends. `message` is for people. A relay can say it too."""

    reason: Literal["unknown", "link-used", "revoked", "broken", "required"]
    message: str


class Introduction(Message, frozen=True, omit_defaults=False):
    """What each side says of itself within the handshake, as JSON."""

    name: Name = ""
    features: Features = ()


# -- the person's own key combinations: additions of this project, for phones that encrypt


class Combination(Message, frozen=True):
    """A key of the person's own: `sequence` is what it types, in the page's words (`git status<Enter>`)."""

    id: Id
    label: Annotated[str, Meta(min_length=1, max_length=limits.MAX_KEY_LABEL)]
    sequence: Annotated[str, Meta(min_length=1, max_length=limits.MAX_KEY_SEQUENCE)]


class KeysSet(Message, frozen=True):
    """`keys:set`: keep these in place of all others."""

    combinations: Annotated[tuple[Combination, ...], Meta(max_length=limits.MAX_KEYS)]


class KeysState(Message, frozen=True, omit_defaults=False):
    """`keys:state`: what the agent keeps; None before a phone has sent any."""

    combinations: tuple[Combination, ...] | None


# -- how the agent is: additions of this project


class BoundState(Message, frozen=True, omit_defaults=False):
    """What is used of one limit, in all containers that it bounds together; `peak` and `capacity` are of one."""

    name: str
    unit: str
    used: int
    peak: int
    capacity: int
    refused: int
    evicted: int


class Health(Message, frozen=True, omit_defaults=False):
    """The agent's `system:health`."""

    version: str
    uptime_seconds: float
    memory_bytes: int
    memory_limit_bytes: int
    terminals: int
    worst_case_bytes: int
    bounds: tuple[BoundState, ...]


TerminalInput = ProcessData | Text

FROM_DEVICE: Mapping[str, Any] = {
    "register": Register,
    "request_connection": RequestConnection,
    "handshake:response": HandshakeSignature,
    "handshake:confirmed": HandshakeConfirmed | None,
    "error": Notice,
    "relay:echo": Echo,
}
"""What a relay understands of a device; all else it forwards or refuses."""

FROM_RELAY: Mapping[str, Any] = {
    "authenticated": Authenticated,
    "login_required": LoginRequired,
    "auth_error": Notice,
    "error": Notice,
    "waiting_for_peer": Notice | None,
    "handshake:initiate": HandshakeInitiate,
    "handshake:verify": HandshakeSignature,
    "paired": Paired,
    "request_dimensions": Empty | None,
    "paired_device_disconnected": Notice | None,
    "device_revoked": DeviceRevoked,
    "relay:echo": Echo,
    "settings:updated": Empty | None,
    "webrtc:answer": Answer,
    "webrtc:ice-candidate": IceCandidate,
}
"""What an agent understands of a relay."""

FROM_PHONE: Mapping[str, Any] = {
    "process:create": ProcessCreate,
    "process:terminate": ProcessRef,
    "process:rename": ProcessNamed,
    "process:switch": ProcessSwitch,
    "terminal:input": TerminalInput,
    "terminal:actions": TerminalActions,
    "terminal:resize": TerminalResize,
    "terminal:dimensions": TerminalResize,
    "terminal:ack": TerminalAck,
    "terminal:resume": TerminalResume,
    "ai:prompt": Prompt,
    "ai:cancel": AiCancel,
    "ai:approve": AiApprove,
    "keys:get": Empty | None,
    "keys:set": KeysSet,
    "system:health": Empty | None,
    "system:echo": Echo,
}
"""What an agent understands of a phone, on the data channel or through the relay."""


SEALING: Mapping[str, Any] = {"e2e:hello": E2eHandshake, "e2e:sealed": E2eSealed}
"""What an agent understands of a phone with end-to-end encryption, by relay and in clear."""


def decode(table: Mapping[str, Any], event: str, payload: object) -> Any:
    """Give the message that `payload` (JSON as Python values, or msgspec.Raw) is. Raises BadMessage."""
    expected = table.get(event)
    if expected is None:
        raise BadMessage(event[: limits.MAX_ID], "is not an event of the protocol")
    try:
        return _read(expected, payload)
    except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise BadMessage(event, str(error)) from None


_decoders: dict[int, tuple[Any, msgspec.json.Decoder[Any]]] = {}  # bounded by the types in the tables
"""By the identity of a type, which is kept beside it: to make that of a union, or to hash one, takes longer than to use
it."""


def _decoder(expected: Any) -> msgspec.json.Decoder[Any]:
    found = _decoders.get(id(expected))
    if found is None:
        found = _decoders[id(expected)] = expected, msgspec.json.Decoder(expected, strict=True)
    return found[1]


def _read(expected: Any, payload: object) -> Any:
    if isinstance(payload, msgspec.Raw):
        message = _decoder(expected).decode(payload)
    else:
        message = msgspec.convert(payload, type=expected, strict=True)
    msgspec.json.encode(message)  # fails on half a character (a lone surrogate) and on a number of 400 digits
    return message
