"""Expected values of the phone page's tests: handshakes with fixed keys, from the agent's own Noise.

`python tests/protocol/test_page_vectors.py` writes them again. `test_noise` compares the agent's Noise with another
implementation, and these vectors compare the page's with the agent's.
"""

import json
from pathlib import Path
from typing import Any

from mobifai.protocol.e2e import link_psk, prologue
from mobifai.protocol.noise import NO_SECRET, Initiator, KeyPair, Responder

KEPT = Path(__file__).parents[2] / "page" / "tests" / "e2e" / "vectors.json"
AGENT_ID = "00112233-4455-6677-8899-aabbccddeeff"
PHONE_ID = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0ff"
SECRET = bytes(range(200, 216))
AGENT, PHONE, AGENTS_OWN, PHONES_OWN = (KeyPair.of(bytes([number]) * 32) for number in (1, 2, 3, 4))
SAID = (b"", b"{}", "caf\u00e9 \u6f22\U0001f642".encode(), bytes(range(256)) * 2)
INTRODUCTIONS = ({"name": "a phone", "features": ["ack", "e2e"]}, {"name": "b\u00fcro", "features": ["resume"]})


def vectors() -> dict[str, Any]:
    """Return all vectors, with bytes in hex."""
    return {
        "made": "python tests/protocol/test_page_vectors.py, from mobifai/protocol/noise.py",
        "agentId": AGENT_ID,
        "phoneId": PHONE_ID,
        "linkSecret": SECRET.hex(),
        "agent": {"secret": AGENT.private.hex(), "public": AGENT.public.hex()},
        "phone": {"secret": PHONE.private.hex(), "public": PHONE.public.hex()},
        "handshakes": [_handshake("by a link", link_psk(SECRET)), _handshake("pinned", NO_SECRET)],
    }


def _handshake(name: str, psk: bytes) -> dict[str, Any]:
    phones, agents = (json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode() for one in INTRODUCTIONS)
    start = prologue(AGENT_ID, PHONE_ID)
    initiator = Initiator(PHONE, AGENT.public, psk, start, PHONES_OWN)
    hello = initiator.first(phones)
    responder = Responder(AGENT, start, hello)
    assert responder.try_psk(psk) == phones
    welcome, agent = responder.second(agents, AGENTS_OWN)
    said, phone = initiator.second(welcome)
    assert said == agents
    return {
        "name": name,
        "psk": psk.hex(),
        "prologue": start.hex(),
        "phoneEphemeral": PHONES_OWN.private.hex(),
        "agentEphemeral": AGENTS_OWN.private.hex(),
        "phonePayload": phones.hex(),
        "agentPayload": agents.hex(),
        "hello": hello.hex(),
        "welcome": welcome.hex(),
        "said": [part.hex() for part in SAID],
        "byPhone": [phone.seal(part).hex() for part in SAID],
        "byAgent": [agent.seal(part).hex() for part in SAID],
    }


def test_the_page_is_tested_with_what_the_agent_says() -> None:
    assert json.loads(KEPT.read_text()) == vectors()


if __name__ == "__main__":
    KEPT.write_text(json.dumps(vectors(), indent=1) + "\n")
