"""The phones of the tests: one in Node with the libraries that legacy apps use, and the synthetic one of soak.

`open_phone` opens one in a scope. Both have the interface `soak.phone.interface.PhoneInterface`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypedDict, Unpack

import pytest

from mobifai.protocol.handshake import Identity
from soak.phone.frames import FrameStyle
from soak.phone.interface import PhoneInterface
from soak.phone.phone import Phone
from tests.support.node_phone import NodePhone

Kind = Literal["node", "python"]

KINDS: dict[Kind, type[Phone] | type[NodePhone]] = {"node": NodePhone, "python": Phone}

phone_kinds = pytest.mark.parametrize("kind", KINDS)
"""Run a test with each kind of phone."""


class Options(TypedDict, total=False):
    """The arguments of both kinds."""

    device_id: str | None
    identity: Identity | None
    webrtc: bool
    frame_style: FrameStyle
    keep_output: bool
    features: tuple[str, ...]


@asynccontextmanager
async def open_phone(
    kind: Kind, relay_url: str, token: str | None = None, *, name: str | None = None, **options: Unpack[Options]
) -> AsyncIterator[PhoneInterface]:
    """Open a phone of a kind, not connected yet. It keeps all output unless `keep_output=False` is given."""
    kept: Options = {"keep_output": True, **options}
    async with KINDS[kind](relay_url, token, name=name or f"{kind} phone", **kept) as phone:
        yield phone
