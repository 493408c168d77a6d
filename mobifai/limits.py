"""Every limit of the product, one table.

A limit has a name, a value, a unit, the reason for the value, what happens when it is reached, and the limit that
bounds how many things of its kind exist (`per`; None: there is one). Nothing here counts anything: that is
`bounds.Ledger`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Unit(StrEnum):
    """The unit of a limit's value."""

    BYTES = "bytes"
    ITEMS = "items"
    SECONDS = "seconds"


class WhenFull(StrEnum):
    """What happens to the next thing when a bound is full."""

    EVICT_OLDEST = "evict-oldest"
    BLOCK = "block"
    REJECT = "reject"
    DISCONNECT = "disconnect"


@dataclass(frozen=True, slots=True)
class Limit:
    """One declared limit. `value` is in `unit`.

    `item_bytes` is the most memory that one item, or one byte, takes beside what other limits count; 0 for what is
    counted and not kept. `on_disk`: it takes no memory. `fixed`: no setting replaces it, since other code or a library
    relies on it. `piece` is the most that is added at one time: what has no room for one more is full. `unfillable`
    says why nothing can fill it; empty for all others, which `mobifai soak` fills.
    """

    name: str
    value: int
    unit: Unit
    when_full: WhenFull
    reason: str
    per: str | None = None
    item_bytes: int = 256
    on_disk: bool = False
    fixed: bool = False
    piece: int = 1
    unfillable: str = ""


_ITEM_BYTES: Mapping[Unit, int] = MappingProxyType({Unit.BYTES: 1, Unit.ITEMS: 256, Unit.SECONDS: 0})

_TABLE: dict[str, Limit] = {}  # bounded by this module: it is closed below


def _declare(
    name: str,
    value: int,
    unit: Unit,
    when_full: WhenFull,
    reason: str,
    per: Limit | None = None,
    *,
    item_bytes: int | None = None,
    on_disk: bool = False,
    fixed: bool = False,
    piece: int = 1,
    unfillable: str = "",
) -> Limit:
    of, usual = per.name if per else None, _ITEM_BYTES[unit]
    each = usual if item_bytes is None else item_bytes
    limit = Limit(name, value, unit, when_full, reason, of, each, on_disk, fixed, piece, unfillable)
    _TABLE[name] = limit
    return limit


# Terminals
TERMINALS = _declare(
    "terminals", 64, Unit.ITEMS, WhenFull.REJECT,
    "macOS allows 511 PTYs to everybody together; nobody keeps more tabs than this in sight on a phone",
    item_bytes=24 << 10,
)  # fmt: skip
TERMINAL_CHILDREN = _declare(
    "terminal.children",
    128,
    Unit.ITEMS,
    WhenFull.REJECT,
    "shells: twice the terminals, since one whose terminal was closed takes a moment to end, or ignores it",
    fixed=True,
)
KEEPER_NEWS = _declare(
    "terminal.keeper_news", 256, Unit.ITEMS, WhenFull.REJECT,
    "ends of shells that came while the keeper was asked something: at most one for each shell", None,
    fixed=True,
    unfillable="a margin: there are at most half as many shells, and each ends once",
)  # fmt: skip
TERMINAL_RING = _declare(
    "terminal.ring", 160 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "the lines above the screen that a phone sees after a switch, and a full window and one read beside them, so that "
    "output that a phone has not acknowledged is still there", TERMINALS,
)  # fmt: skip
TERMINAL_INPUT = _declare(
    "terminal.input", 1 << 20, Unit.BYTES, WhenFull.REJECT,
    "a large paste that waits for a busy program; the kernel itself takes only some 4 KiB at a time", TERMINALS,
)  # fmt: skip
TERMINAL_OUTBOX = _declare(
    "terminal.outbox", 248 << 10, Unit.BYTES, WhenFull.BLOCK,
    "a screen on its way, or output that waits in the ring: reading stops at 64 KiB; a screen of a whole ring and a "
    "read fit",
    TERMINALS, piece=32 << 10,
)  # fmt: skip
TERMINAL_WINDOW = _declare(
    "terminal.window", 128 << 10, Unit.BYTES, WhenFull.BLOCK,
    "output sent and not yet acknowledged as rendered, at most; on a near line less. It fits into the ring with one "
    "read, so that a phone whose connection broke gets exactly the rest; at 50 ms to the phone and back it carries "
    "2.6 MB/s",
    TERMINALS, item_bytes=0,
)  # fmt: skip

# The agent's links
CONTROL_QUEUE = _declare(
    "link.control_queue", 256, Unit.ITEMS, WhenFull.DISCONNECT,
    "answers and news that wait for a path; a phone that asks so much without reading is hung up on",
    None, item_bytes=60_000,
)  # fmt: skip
RELAY_QUEUE = _declare(
    "link.relay_queue", 64, Unit.ITEMS, WhenFull.BLOCK,
    "packets for the relay that are not on the wire yet", None, item_bytes=100_000,
)  # fmt: skip
CHANNEL_BUFFER = _declare(
    "link.channel_buffer", 512 << 10, Unit.BYTES, WhenFull.BLOCK,
    "bytes handed to the data channel and not acknowledged; bulk stops at 64 KiB, control may go on to here", None,
    piece=64 << 10,
)  # fmt: skip
CHANNEL_INBOUND = _declare(
    "link.channel_inbound", 4 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "foreign: pieces of a phone's messages that wait for the rest in aiortc, which has no end to it",
    None, fixed=True,
)  # fmt: skip
INBOUND = _declare(
    "link.inbound", 4 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "what a phone sent and the agent has not done yet; more than the largest paste, in pieces", None,
)  # fmt: skip
SIGNALS = _declare(
    "link.signals", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "answers and candidates that wait for the peer connection to take them", None, item_bytes=70 << 10,
)  # fmt: skip
CANDIDATES = _declare(
    "link.candidates", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "ICE candidates that came before the answer; a phone has a handful of addresses", None, item_bytes=4 << 10,
)  # fmt: skip
LISTENERS = _declare(
    "link.listeners", 6, Unit.ITEMS, WhenFull.DISCONNECT,
    "event handlers on one peer connection with its channel: so many are installed, once", None,
    fixed=True,
)  # fmt: skip
TASKS = _declare(
    "agent.tasks", 400, Unit.ITEMS, WhenFull.DISCONNECT,
    "foreign: tasks of the loop: 20 of the agent, 2 a connection of the relay, some of what WebRTC does",
    item_bytes=4 << 10,
    fixed=True,
    unfillable="a margin: what may start tasks has limits of its own, which together allow fewer; nothing is refused",
)  # fmt: skip

# The relay
RELAY_SOCKETS = _declare(
    "relay.sockets", 64, Unit.ITEMS, WhenFull.REJECT,
    "connections at a time, signed in or not: one household, with room for reconnects that overlap",
    None, item_bytes=64 << 10,
)  # fmt: skip
RELAY_REQUESTS = _declare(
    "relay.requests", 128, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "connections that are no WebSockets: a browser opens six for a page; each holds a request of 128 KiB, or two "
    "pieces of an answer of 64 KiB each",
    None, item_bytes=144 << 10,
)  # fmt: skip
RELAY_UNSIGNED = _declare(
    "relay.unsigned", 32, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "WebSockets that are not signed in: each signs in within a moment, or waits for a person to type a code", None,
)  # fmt: skip
RELAY_KNOWN_ADDRESSES = _declare(
    "relay.known_addresses", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "addresses from which a device signed in; places are kept for them", None,
)  # fmt: skip
RELAY_MESSAGE = _declare(
    "relay.message", 1 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "one Socket.IO packet: an SDP is 2 KiB, the largest paste that a terminal takes is this", RELAY_SOCKETS,
)  # fmt: skip
RELAY_BACKLOG = _declare(
    "relay.backlog", 64, Unit.ITEMS, WhenFull.BLOCK,
    "packets that wait for a device to read them; then its peer waits, and after 10 s the device is dropped",
    RELAY_SOCKETS, item_bytes=16 << 10,
)  # fmt: skip
RELAY_ACCOUNTS = _declare(
    "relay.accounts", 32, Unit.ITEMS, WhenFull.REJECT,
    "accounts of a relay that several people share; each has limits of its own, so that one can't lock another out",
    None, item_bytes=2 << 10,
)  # fmt: skip
RELAY_ACCOUNT_SOCKETS = _declare(
    "relay.account_sockets", 48, Unit.ITEMS, WhenFull.REJECT,
    "connections on which devices of one account of a shared relay are signed in; fewer than `relay.sockets`, so that "
    "no account takes them all",
    RELAY_ACCOUNTS, item_bytes=0,
)  # fmt: skip
RELAY_DEVICES = _declare(
    "relay.devices", 100, Unit.ITEMS, WhenFull.REJECT,
    "devices that are signed in to an account and not revoked", RELAY_ACCOUNTS, on_disk=True,
)  # fmt: skip
RELAY_CODES = _declare(
    "relay.codes", 16, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "invitations of an account that wait to be used; one for each client, for 10 minutes", RELAY_ACCOUNTS,
    item_bytes=512,
)  # fmt: skip
RELAY_ATTEMPTS = _declare(
    "relay.attempts", 1024, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "addresses and IPv6 networks whose failed sign-ins are remembered for a minute", None,
)  # fmt: skip
RELAY_SETTINGS = _declare(
    "relay.settings", 16 << 10, Unit.BYTES, WhenFull.REJECT,
    "one account's settings as JSON: themes, fonts and sizes", RELAY_ACCOUNTS, on_disk=True,
)  # fmt: skip

# End-to-end encryption
E2E_PHONES = _declare(
    "e2e.phones", 64, Unit.ITEMS, WhenFull.REJECT,
    "phones whose key is pinned: a household's, and those of years before that nobody revoked",
    None, item_bytes=1 << 10,
)  # fmt: skip
E2E_REVOKED = _declare(
    "e2e.revoked", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "phones that were revoked: they get the reason, and can't sign in as a legacy app instead",
    None, item_bytes=512,
)  # fmt: skip
E2E_LINKS = _declare(
    "e2e.links", 8, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "secrets of links that wait to be used; one a phone, for 10 minutes, and each hello may have to try all of them",
    None,
)  # fmt: skip

SESSION_HELD = _declare(
    "e2e.held", 256, Unit.ITEMS, WhenFull.REJECT,
    "messages of a session that came before one on the other path; a phone sends some 50 a second while it is typed on",
    None, item_bytes=60_000,
)  # fmt: skip

# The assistant
ASSISTANT_CONVERSATIONS = _declare(
    "assistant.conversations", 4, Unit.ITEMS, WhenFull.REJECT,
    "conversations with the model at a time, each in a terminal of its own: each may hold some 6 MiB and a connection",
    item_bytes=1 << 20,
)  # fmt: skip
ASSISTANT_HISTORY = _declare(
    "assistant.history", 20, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "messages that the model is shown again: the person's request, and the newest after it", ASSISTANT_CONVERSATIONS,
    item_bytes=0,
)  # fmt: skip
ASSISTANT_HISTORY_BYTES = _declare(
    "assistant.history_bytes", 512 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "the same messages as JSON: some 130,000 tokens; the longest request, answer and screen fit",
    ASSISTANT_CONVERSATIONS,
)  # fmt: skip
ASSISTANT_SCREEN = _declare(
    "assistant.screen", 30_000, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "characters of the screen in one message: 15,000 by default, twice that if the model asks for a slice",
    ASSISTANT_CONVERSATIONS, item_bytes=4,
)  # fmt: skip
ASSISTANT_ANSWER = _declare(
    "assistant.answer", 192 << 10, Unit.BYTES, WhenFull.REJECT,
    "one answer of the model as JSON: 16,000 tokens with the signature of its thinking", ASSISTANT_CONVERSATIONS,
)  # fmt: skip
ASSISTANT_REPLY = _declare(
    "assistant.reply", 4 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "one reply of the model's API on the wire: a streamed answer takes some 150 bytes for each token",
    ASSISTANT_CONVERSATIONS,
)  # fmt: skip
ASSISTANT_ACTIONS = _declare(
    "assistant.actions", 50, Unit.ITEMS, WhenFull.REJECT,
    "actions of one turn: after a handful a model does better to look at the screen", ASSISTANT_CONVERSATIONS,
    item_bytes=10_000,
)  # fmt: skip
ASSISTANT_TYPED = _declare(
    "assistant.typed", 8_000, Unit.ITEMS, WhenFull.REJECT,
    "characters typed in one turn: a person who approves them sees all of them in one message", ASSISTANT_CONVERSATIONS,
    item_bytes=4,
)  # fmt: skip
ASSISTANT_TURNS = _declare(
    "assistant.turns", 20, Unit.ITEMS, WhenFull.REJECT,
    "questions to the model for one request of a person; a model that goes round in circles ends here",
    ASSISTANT_CONVERSATIONS, item_bytes=0,
)  # fmt: skip
ASSISTANT_TOKENS = _declare(
    "assistant.tokens", 1_000_000, Unit.ITEMS, WhenFull.REJECT,
    "tokens read and written for one request of a person: 20 turns with some 50,000 tokens each",
    ASSISTANT_CONVERSATIONS, item_bytes=0,
)  # fmt: skip
ASSISTANT_SECONDS = _declare(
    "assistant.seconds", 900, Unit.SECONDS, WhenFull.REJECT,
    "one request of a person from beginning to end, with what it waits for", ASSISTANT_CONVERSATIONS,
)  # fmt: skip
ASSISTANT_EVENTS = _declare(
    "assistant.events", 256, Unit.ITEMS, WhenFull.DISCONNECT,
    "steps that wait for the command that follows them: two turns with all their actions", ASSISTANT_CONVERSATIONS,
    item_bytes=4 << 10,
)  # fmt: skip
ASSISTANT_STORIES = _declare(
    "assistant.stories", 16, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "terminals whose newest conversation is kept for a phone that comes back; more than can have one at a time",
    item_bytes=1 << 10,
)  # fmt: skip
ASSISTANT_STORY_EVENTS = _declare(
    "assistant.story_events", 800, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "events of all these conversations together: four that take all their turns have some 600 with many actions",
)  # fmt: skip
ASSISTANT_STORY_BYTES = _declare(
    "assistant.story_bytes", 160 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "the same events as JSON: what fits into one message for each conversation that can be at a time",
)  # fmt: skip
ASSISTANT_AUDIT = _declare(
    "assistant.audit", 1 << 20, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "one file of the record of what was asked for and typed; there are two, some thousand turns", None, on_disk=True,
)  # fmt: skip

# Control
CONTROL_CLIENTS = _declare(
    "control.clients", 16, Unit.ITEMS, WhenFull.REJECT,
    "commands that talk to the running process at one time", None, item_bytes=128 << 10,
)  # fmt: skip

# Logs
LOG_FILES = _declare(
    "log.files", 5, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "log files on disk, the one being written among them: weeks of a quiet agent, or the last hours of a noisy one",
    item_bytes=0,
)  # fmt: skip
LOG_FILE = _declare(
    "log.file", 2 << 20, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "one log file on disk (not memory): some 20,000 lines, which an editor still opens without delay", LOG_FILES,
    on_disk=True,
)  # fmt: skip
LOG_LINE = _declare(
    "log.line", 16 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "one record in the log file: a traceback of 100 frames has some 10 KB; of a longer one, the middle goes",
)  # fmt: skip
LOG_KINDS = _declare(
    "log.kinds", 256, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "kinds of messages that are watched for repeats at a time; the product itself has fewer", item_bytes=2_500,
)  # fmt: skip

KEYS = _declare(
    "keys", 48 << 10, Unit.BYTES, WhenFull.REJECT,
    "the person's own key combinations as JSON: a list that fits into one message to a phone",
)  # fmt: skip

LIMITS: Mapping[str, Limit] = MappingProxyType(_TABLE)

# Sizes of one message or sequence. They bound no container that may grow, so no ledger counts them.
MAX_FRAME = 60_000  # bytes of one message on the data channel: libwebrtc's phones advertise 65,536 at least
MAX_SEALED = 87_380  # characters: Base64 of the longest message that Noise allows, 65,535 bytes
MAX_SEQUENCE = 4096  # bytes of an escape sequence that waits for its end; xterm's longest useful ones are titles
MAX_REQUEST = 64 << 10  # bytes of one request of a command, as JSON
MAX_ID = 64
MAX_NAME = 100
MAX_INPUT = 1 << 20
MAX_SDP = 64 << 10
MAX_PROMPT = 32 << 10
MAX_ACTIONS = 200
MAX_KEYS = 40
MAX_KEY_LABEL = 14
MAX_KEY_SEQUENCE = 500
MAX_COLS = 1000
MAX_ROWS = 1000
MAX_FEATURES = 32
MAX_TOKEN = 4096
MAX_AI_KEYSTROKE = 2_000
MAX_AI_MESSAGE = 4_000
MAX_AI_DELAY = 10_000  # ms
MAX_AI_HISTORY = 40_000  # bytes of one conversation's events in one message, which has to fit into MAX_FRAME
MAX_AI_STORIES_FILE = 64 << 10  # bytes: which conversations go on, at most four with 200 characters each
