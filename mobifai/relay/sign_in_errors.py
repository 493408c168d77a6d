"""Kinds of clients that can sign in, and the messages of rejected sign-ins."""

from collections.abc import Set

from mobifai.protocol.codes import ClientKind

PHONE_KINDS: frozenset[ClientKind] = frozenset({ClientKind.E2E, ClientKind.LEGACY})
AGENT_KINDS: frozenset[ClientKind] = frozenset({ClientKind.AGENT})

ONE_AGENT = "this relay serves only the agent of its own process; `mobifai relay` runs a relay for other agents"
ENCRYPTED_ONLY = "this invitation is for a client that encrypts; `mobifai pair --legacy` invites a legacy app"
BELONGS_TO_ENCRYPTED = "this deviceId belongs to a client that encrypts; `mobifai pair` shows a link for it"

_NOT_FOR_AGENTS = "this invitation is for a phone; `mobifai pair` on the machine of the relay invites an agent"
_WRONG_KIND = {
    ClientKind.AGENT: "this invitation is for an agent; `mobifai pair` on the machine of the agent invites a phone",
    ClientKind.E2E: ENCRYPTED_ONLY,
    ClientKind.LEGACY: "this code is for a legacy app; `mobifai pair` shows the link that this client needs",
}


def wrong_kind(found: ClientKind, wanted: Set[ClientKind]) -> str:
    """Return the message for an invitation of the kind `found`, which a client that can use `wanted` can't use."""
    return _NOT_FOR_AGENTS if wanted == AGENT_KINDS else _WRONG_KIND[found]


def wrong_code(typed: str, wanted: Set[ClientKind]) -> str:
    """Return the message for text that is not a valid code, with a remedy.

    `wanted` are the kinds of invitation that the client can use.
    """
    if "#" in typed or "://" in typed:
        problem = "expected a pairing code; found the link of a client that encrypts"
    else:
        problem = "this pairing code is wrong, used or expired"
    if wanted == AGENT_KINDS:
        return f"{problem}; `mobifai pair` on the machine of the relay shows one for an agent"
    if ClientKind.E2E in wanted:
        return f"{problem}; `mobifai pair` shows a new link"
    return f"{problem}; `mobifai pair --legacy` shows a code for this app"
