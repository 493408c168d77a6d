"""All limits of the product, in one table.

Each limit has a name, a value with its unit, the reason for that value, and an overflow policy. If there may be several
containers with the same limit, `per` is the limit on their number. `bounds.Ledger` counts what the containers hold.
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
    """The overflow policy of a limit: how the next item is treated once the limit is reached."""

    EVICT_OLDEST = "evict-oldest"
    BLOCK = "block"
    REJECT = "reject"
    DISCONNECT = "disconnect"


@dataclass(frozen=True, slots=True)
class Limit:
    """One declared limit. `value` is in `unit`, and `reason` says why it has this value.

    `per` is the name of the limit on the number of containers with this limit, or None. `item_bytes` is the maximum
    memory of one item, or of one byte if the unit is bytes. Memory that other limits count is not included; items that
    are counted but not kept have 0.

    With `on_disk`, the content takes no memory. With `fixed`, settings can't replace the value, since other code or a
    library relies on it. `piece` is the maximum amount that is added at one time: a container without room for one more
    piece counts as full. `unfillable` is the reason why nothing can fill a container to this limit. It is empty for all
    other limits, which `mobifai soak` fills.
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

_TABLE: dict[str, Limit] = {}  # bounded by this module: read-only below


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
    "macOS allows 511 PTYs for all users together, and nobody can keep track of more tabs on a phone",
    item_bytes=24 << 10,
)  # fmt: skip
TERMINAL_CHILDREN = _declare(
    "terminal.children",
    128,
    Unit.ITEMS,
    WhenFull.REJECT,
    "shells: twice the terminals, since a shell may outlive its terminal for a moment, or until it is killed",
    fixed=True,
)
KEEPER_NEWS = _declare(
    "terminal.keeper_news", 256, Unit.ITEMS, WhenFull.REJECT,
    "exits of shells that the keeper reports during a request: at most one for each shell", None,
    fixed=True,
    unfillable="a margin: there are at most half as many shells, and each exits once",
)  # fmt: skip
TERMINAL_RING = _declare(
    "terminal.ring", 160 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "the scrollback that a phone gets when it shows the terminal. It also holds a full window and one read, so that "
    "unacknowledged output can be sent again. A larger ring makes terminal.outbox larger", TERMINALS,
)  # fmt: skip
SCREEN_ROOM = 88 << 10
"""How many bytes an outbox holds in addition to a whole ring: 64 KiB, at which the agent stops reading the terminal's
output; one read of 16 KiB; and the escape sequences that restore the terminal's modes."""
TERMINAL_INPUT = _declare(
    "terminal.input", 1 << 20, Unit.BYTES, WhenFull.REJECT,
    "a large paste for a busy program; the kernel only accepts about 4 KiB at a time", TERMINALS,
)  # fmt: skip
TERMINAL_OUTBOX = _declare(
    "terminal.outbox", TERMINAL_RING.value + SCREEN_ROOM, Unit.BYTES, WhenFull.BLOCK,
    "a replay that is being sent, or output that was not sent yet. Reading pauses at 64 KiB, and the replay of a whole "
    "ring fits together with one read",
    TERMINALS, piece=32 << 10,
)  # fmt: skip
TERMINAL_WINDOW = _declare(
    "terminal.window", 128 << 10, Unit.BYTES, WhenFull.BLOCK,
    "output that was sent and not yet acknowledged as rendered; less on a fast connection. The ring holds a window and "
    "one read, so that a phone whose connection broke gets exactly the missing output. With a round trip of 50 ms, it "
    "allows 2.6 MB/s",
    TERMINALS, item_bytes=0,
)  # fmt: skip

# The agent's sessions
SESSIONS = _declare(
    "sessions", 1, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "viewers at a time: a phone that pairs replaces the previous one",
    item_bytes=64 << 10,
)  # fmt: skip
SESSION_TASKS = _declare(
    "session.tasks", 64, Unit.ITEMS, WhenFull.REJECT,
    "open sessions, and closed ones whose data channels have not ended yet: a phone may connect again many times in a "
    "row, and each channel takes a moment to end",
    None, item_bytes=64 << 10,
    fixed=True,
    unfillable="a margin: a data channel ends within moments, so that only a few closed sessions wait at a time",
)  # fmt: skip
CONTROL_QUEUE = _declare(
    "link.control_queue", 256, Unit.ITEMS, WhenFull.DISCONNECT,
    "messages that wait for a transport; a phone that requests this many without reading is disconnected",
    None, item_bytes=60_000,
)  # fmt: skip
RELAY_QUEUE = _declare(
    "link.relay_queue", 64, Unit.ITEMS, WhenFull.BLOCK,
    "packets for the relay that are not sent yet", None, item_bytes=100_000,
)  # fmt: skip
CHANNEL_BUFFER = _declare(
    "link.channel_buffer", 512 << 10, Unit.BYTES, WhenFull.BLOCK,
    "bytes in the data channel that are not acknowledged; output stops at 64 KiB, short messages at this limit", None,
    piece=64 << 10,
)  # fmt: skip
CHANNEL_INBOUND = _declare(
    "link.channel_inbound", 4 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "foreign: parts of a phone's incomplete messages in aiortc, which has no limit of its own",
    None, fixed=True,
)  # fmt: skip
INBOUND = _declare(
    "link.inbound", 4 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "messages of a phone that the agent has not handled yet; the largest paste fits, in pieces", None,
)  # fmt: skip
SIGNALS = _declare(
    "link.signals", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "answers and candidates that the peer connection has not processed yet", None, item_bytes=70 << 10,
)  # fmt: skip
CANDIDATES = _declare(
    "link.candidates", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "ICE candidates that arrived before the answer; a phone has a handful of addresses", None, item_bytes=4 << 10,
)  # fmt: skip
LISTENERS = _declare(
    "link.listeners", 6, Unit.ITEMS, WhenFull.DISCONNECT,
    "event handlers of one peer connection and its channel: exactly this many are installed", None,
    fixed=True,
)  # fmt: skip
TASKS = _declare(
    "agent.tasks", 400, Unit.ITEMS, WhenFull.DISCONNECT,
    "foreign: tasks of the event loop: 20 of the agent, 2 for each connection of the relay, and some of WebRTC",
    item_bytes=4 << 10,
    fixed=True,
    unfillable="a margin: everything that starts tasks has limits of its own, which together allow fewer tasks",
)  # fmt: skip
SUBSCRIBERS = _declare(
    "agent.subscribers", 128, Unit.ITEMS, WhenFull.REJECT,
    "subscribers to the agent's lifecycle events: the agent itself, and every leak that soak can plant",
    fixed=True,
    unfillable="only the agent's own code subscribes, once, and debug plug-ins of a test run",
)  # fmt: skip

# The relay
RELAY_SOCKETS = _declare(
    "relay.sockets", 64, Unit.ITEMS, WhenFull.REJECT,
    "concurrent connections of devices, signed in or not: one household, with room for overlapping reconnects",
    None, item_bytes=64 << 10,
)  # fmt: skip
RELAY_REQUESTS = _declare(
    "relay.requests", 128, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "HTTP connections: a browser opens six for a page; each holds a request of 128 KiB, or two pieces of a response of "
    "64 KiB each",
    None, item_bytes=144 << 10,
)  # fmt: skip
RELAY_UNSIGNED = _declare(
    "relay.unsigned", 32, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "WebSockets that are not signed in: each signs in within a moment, or waits for a user to enter a code", None,
)  # fmt: skip
RELAY_KNOWN_ADDRESSES = _declare(
    "relay.known_addresses", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "addresses from which a device signed in; connections are reserved for them", None,
)  # fmt: skip
RELAY_MESSAGE = _declare(
    "relay.message", 1 << 20, Unit.BYTES, WhenFull.DISCONNECT,
    "one Socket.IO packet: an SDP has 2 KiB, the largest paste for a terminal has this size", RELAY_SOCKETS,
)  # fmt: skip
RELAY_BACKLOG = _declare(
    "relay.backlog", 64, Unit.ITEMS, WhenFull.BLOCK,
    "queued packets of a device; when full, its peer waits, and after 10 s the device is dropped",
    RELAY_SOCKETS, item_bytes=16 << 10,
)  # fmt: skip
RELAY_ACCOUNTS = _declare(
    "relay.accounts", 32, Unit.ITEMS, WhenFull.REJECT,
    "accounts of a shared relay; each has limits of its own, so that one can't block another",
    None, item_bytes=2 << 10,
)  # fmt: skip
RELAY_ACCOUNT_SOCKETS = _declare(
    "relay.account_sockets", 48, Unit.ITEMS, WhenFull.REJECT,
    "signed-in connections of one account of a shared relay; fewer than `relay.sockets`, so that no account uses all "
    "of them",
    RELAY_ACCOUNTS, item_bytes=0,
)  # fmt: skip
RELAY_DEVICES = _declare(
    "relay.devices", 100, Unit.ITEMS, WhenFull.REJECT,
    "paired devices of an account that are not revoked", RELAY_ACCOUNTS, on_disk=True,
)  # fmt: skip
RELAY_CODES = _declare(
    "relay.codes", 16, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "open invitations of an account; one for each client, for 10 minutes", RELAY_ACCOUNTS,
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
    "phones whose key is pinned: a household's, and old phones that nobody revoked",
    None, item_bytes=1 << 10,
)  # fmt: skip
E2E_REVOKED = _declare(
    "e2e.revoked", 64, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "revoked phones, so that they get the reason and can't sign in as a legacy app instead",
    None, item_bytes=512,
)  # fmt: skip
E2E_LINKS = _declare(
    "e2e.links", 8, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "secrets of open links: one for each phone, for 10 minutes. The first message of a phone is tried with all of them",
    None,
)  # fmt: skip

SESSION_HELD = _declare(
    "e2e.held", 256, Unit.ITEMS, WhenFull.REJECT,
    "messages that arrived before an earlier message on the other transport; typing sends about 50 a second",
    None, item_bytes=60_000,
)  # fmt: skip

# The assistant
ASSISTANT_CONVERSATIONS = _declare(
    "assistant.conversations", 4, Unit.ITEMS, WhenFull.REJECT,
    "concurrent conversations with the model, one per terminal: each may hold about 6 MiB and a connection",
    item_bytes=1 << 20,
)  # fmt: skip
ASSISTANT_HISTORY = _declare(
    "assistant.history", 20, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "messages that are sent to the model again: the user's request, and the newest ones", ASSISTANT_CONVERSATIONS,
    item_bytes=0,
)  # fmt: skip
ASSISTANT_HISTORY_BYTES = _declare(
    "assistant.history_bytes", 512 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "the messages of assistant.history as JSON: about 130,000 tokens; the longest request, answer and screen fit",
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
    "one response of the model's API: a streamed one has about 150 bytes for each token",
    ASSISTANT_CONVERSATIONS,
)  # fmt: skip
ASSISTANT_ACTIONS = _declare(
    "assistant.actions", 50, Unit.ITEMS, WhenFull.REJECT,
    "actions of one turn: after a handful, a model should look at the screen again", ASSISTANT_CONVERSATIONS,
    item_bytes=10_000,
)  # fmt: skip
ASSISTANT_TYPED = _declare(
    "assistant.typed", 8_000, Unit.ITEMS, WhenFull.REJECT,
    "characters typed in one turn: a user who approves them sees all of them in one message", ASSISTANT_CONVERSATIONS,
    item_bytes=4,
)  # fmt: skip
ASSISTANT_TURNS = _declare(
    "assistant.turns", 20, Unit.ITEMS, WhenFull.REJECT,
    "requests to the model for one request of the user; ends a model that makes no progress",
    ASSISTANT_CONVERSATIONS, item_bytes=0,
)  # fmt: skip
ASSISTANT_TOKENS = _declare(
    "assistant.tokens", 1_000_000, Unit.ITEMS, WhenFull.REJECT,
    "tokens read and written for one request of the user: 20 turns with about 50,000 tokens each",
    ASSISTANT_CONVERSATIONS, item_bytes=0,
)  # fmt: skip
ASSISTANT_SECONDS = _declare(
    "assistant.seconds", 900, Unit.SECONDS, WhenFull.REJECT,
    "duration of one request of the user, including waiting", ASSISTANT_CONVERSATIONS,
)  # fmt: skip
ASSISTANT_EVENTS = _declare(
    "assistant.events", 256, Unit.ITEMS, WhenFull.DISCONNECT,
    "queued steps for `mobifai ask`: two turns with all their actions", ASSISTANT_CONVERSATIONS,
    item_bytes=4 << 10,
)  # fmt: skip
ASSISTANT_STORIES = _declare(
    "assistant.stories", 16, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "terminals whose newest conversation is kept for a phone that reconnects; more than run concurrently",
    item_bytes=1 << 10,
)  # fmt: skip
ASSISTANT_STORY_EVENTS = _declare(
    "assistant.story_events", 800, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "events of all kept conversations together: four long conversations have about 600",
)  # fmt: skip
ASSISTANT_STORY_BYTES = _declare(
    "assistant.story_bytes", 160 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "the events of assistant.story_events as JSON: one message for each concurrent conversation",
)  # fmt: skip
ASSISTANT_AUDIT = _declare(
    "assistant.audit", 1 << 20, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "one file of the audit log of requests and typed input; two files hold some thousand turns", None, on_disk=True,
)  # fmt: skip

# Control
CONTROL_CLIENTS = _declare(
    "control.clients", 16, Unit.ITEMS, WhenFull.REJECT,
    "concurrent commands that are connected to the running process", None, item_bytes=128 << 10,
)  # fmt: skip

# Logs
LOG_FILES = _declare(
    "log.files", 5, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "log files on disk, including the current one: weeks of a quiet agent, or the last hours of a busy one",
    item_bytes=0,
)  # fmt: skip
LOG_FILE = _declare(
    "log.file", 2 << 20, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "one log file on disk: about 20,000 lines, which an editor opens without delay", LOG_FILES,
    on_disk=True,
)  # fmt: skip
LOG_LINE = _declare(
    "log.line", 16 << 10, Unit.BYTES, WhenFull.EVICT_OLDEST,
    "one record in the log file: a traceback of 100 frames has about 10 KB; the middle of a longer one is left out",
)  # fmt: skip
LOG_KINDS = _declare(
    "log.kinds", 256, Unit.ITEMS, WhenFull.EVICT_OLDEST,
    "kinds of messages that are checked for repeats; the product itself has fewer", item_bytes=2_500,
)  # fmt: skip

KEYS = _declare(
    "keys", 48 << 10, Unit.BYTES, WhenFull.REJECT,
    "the user's own key combinations as JSON: a list that fits into one message to a phone",
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
MAX_AI_STORIES_FILE = 64 << 10  # bytes: the running conversations, at most four with 200 characters each
