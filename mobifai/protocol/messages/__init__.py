"""The messages of the wire protocol as strict types, and tables of which side sends which messages.

`decode` converts a payload from outside into a value of one of these types, or raises BadMessage. No other code reads
such payloads. Names on the wire are camelCase, as legacy apps write them. Most modules of this package correspond to a
section of docs/reference/protocol.md. docs/reference/protocol-additions.md describes the additions of this project.

To add a message that a phone sends:

1. Define its type in the module of its section, import it here, and add a line to that module's table of handlers
   (`TerminalHandlers` and its like). mypy then names the class whose `handlers` lacks the message, such as
   `SessionTerminals`.
2. Write the handler there. It may raise BadMessage and the other errors of `mobifai.errors`; the phone receives them.
3. Run `python page/scripts/wire_types.py`, so that the page can send the message, and describe it in the docs.

An event needs a prefix that the relay forwards (`is_forwarded` in `protocol/relay_pairing.py`), unless only phones with
end-to-end encryption send it. A message to a phone needs only a type and a line in `FROM_AGENT`.
"""

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from mobifai.protocol.codec import decode
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.assistant import (
    AiAction,
    AiAnswered,
    AiApproval,
    AiApprove,
    AiCancel,
    AiConversations,
    AiError,
    AiEvent,
    AiFinished,
    AiHistory,
    AiMessage,
    AiStarted,
    AiStep,
    AssistantHandlers,
    Prompt,
)
from mobifai.protocol.messages.encryption import E2eHandshake, E2eRefused, E2eSealed, Introduction
from mobifai.protocol.messages.fields import (
    Echo,
    Empty,
    Feature,
    FeatureNames,
    Hex,
    Message,
    Name,
    Number,
    Position,
    Remark,
    Sdp,
    Text,
    Token,
)
from mobifai.protocol.messages.health import BoundState, Fact, Health, SystemHandlers
from mobifai.protocol.messages.key_combinations import Combination, KeyHandlers, KeysSet, KeysState
from mobifai.protocol.messages.pairing import (
    DeviceRevoked,
    HandshakeConfirmed,
    HandshakeInitiate,
    HandshakeSignature,
    Invitation,
    ListedDevice,
    ListedDevices,
    Paired,
    RequestConnection,
)
from mobifai.protocol.messages.registration import Authenticated, AvailableDevice, LoginRequired, Notice, Register, User
from mobifai.protocol.messages.terminals import (
    Exit,
    Output,
    ProcessCreate,
    ProcessData,
    ProcessError,
    ProcessesSync,
    ProcessExited,
    ProcessInfo,
    ProcessNamed,
    ProcessPrinted,
    ProcessRef,
    ProcessSwitch,
    ResumePoint,
    SystemMessage,
    TerminalAck,
    TerminalActions,
    TerminalHandlers,
    TerminalInput,
    TerminalResize,
    TerminalResume,
    TypedAction,
)
from mobifai.protocol.messages.webrtc import Answer, Candidate, Description, IceCandidate, Offer

FROM_DEVICE: Mapping[str, Any] = {
    "register": Register,
    "request_connection": RequestConnection,
    "handshake:response": HandshakeSignature,
    "handshake:confirmed": HandshakeConfirmed | None,
    "error": Notice,
    "relay:echo": Echo,
}
"""The events that a relay handles itself when a device sends them, with the types of their payloads. The relay forwards
or rejects all other events."""

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
"""The events that an agent accepts from a relay, with the types of their payloads."""


class PhoneHandlers(TerminalHandlers, AssistantHandlers, KeyHandlers, SystemHandlers):
    """Handlers of all events that an agent accepts from a phone, on either transport. mypy reports a missing one."""


FROM_PHONE: Mapping[str, Any] = {
    event: get_args(handler)[0][0] for event, handler in get_type_hints(PhoneHandlers, include_extras=True).items()
}
"""The events that an agent accepts from a phone, on either transport, with the types of their payloads."""

SEALING: Mapping[str, Any] = {"e2e:hello": E2eHandshake, "e2e:sealed": E2eSealed}
"""The events with which a phone encrypts end to end: its handshake, and encrypted frames. They travel through the
relay."""

FROM_AGENT: Mapping[str, Any] = {
    "webrtc:offer": Offer,
    "webrtc:ice-candidate": IceCandidate,
    "processes:sync": ProcessesSync,
    "process:created": ProcessNamed,
    "process:renamed": ProcessNamed,
    "process:terminated": ProcessRef,
    "process:exited": ProcessExited,
    "process:error": ProcessError,
    "process:printed": ProcessPrinted,
    "process:screen": Output,
    "terminal:output": Output,
    "system:message": SystemMessage,
    "system:health": Health,
    "system:echo": Echo,
    "ai:started": AiStarted,
    "ai:action": AiAction,
    "ai:message": AiMessage,
    "ai:approval": AiApproval,
    "ai:answered": AiAnswered,
    "ai:conversations": AiConversations,
    "ai:history": AiHistory,
    "ai:finished": AiFinished,
    "ai:error": AiError,
    "keys:state": KeysState,
    "e2e:welcome": E2eHandshake,
    "e2e:sealed": E2eSealed,
    "e2e:refused": E2eRefused,
}
"""The events that an agent sends to a phone, with the types of their payloads. The phone page's types are generated
from this table and from `FROM_PHONE`."""

__all__ = [
    "FROM_AGENT",
    "FROM_DEVICE",
    "FROM_PHONE",
    "FROM_RELAY",
    "SEALING",
    "AiAction",
    "AiAnswered",
    "AiApproval",
    "AiApprove",
    "AiCancel",
    "AiConversations",
    "AiError",
    "AiEvent",
    "AiFinished",
    "AiHistory",
    "AiMessage",
    "AiStarted",
    "AiStep",
    "Answer",
    "AssistantHandlers",
    "Authenticated",
    "AvailableDevice",
    "BoundState",
    "Candidate",
    "Combination",
    "Description",
    "DeviceRevoked",
    "E2eHandshake",
    "E2eRefused",
    "E2eSealed",
    "Echo",
    "Empty",
    "Exit",
    "Fact",
    "Feature",
    "FeatureNames",
    "HandshakeConfirmed",
    "HandshakeInitiate",
    "HandshakeSignature",
    "Health",
    "Hex",
    "IceCandidate",
    "Id",
    "Introduction",
    "Invitation",
    "KeyHandlers",
    "KeysSet",
    "KeysState",
    "ListedDevice",
    "ListedDevices",
    "LoginRequired",
    "Message",
    "Name",
    "Notice",
    "Number",
    "Offer",
    "Output",
    "Paired",
    "PhoneHandlers",
    "Position",
    "ProcessCreate",
    "ProcessData",
    "ProcessError",
    "ProcessExited",
    "ProcessInfo",
    "ProcessNamed",
    "ProcessPrinted",
    "ProcessRef",
    "ProcessSwitch",
    "ProcessesSync",
    "Prompt",
    "Register",
    "Remark",
    "RequestConnection",
    "ResumePoint",
    "Sdp",
    "SystemHandlers",
    "SystemMessage",
    "TerminalAck",
    "TerminalActions",
    "TerminalHandlers",
    "TerminalInput",
    "TerminalResize",
    "TerminalResume",
    "Text",
    "Token",
    "TypedAction",
    "User",
    "decode",
]
