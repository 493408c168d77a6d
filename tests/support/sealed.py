"""Phones that encrypt end to end, as after scanning the QR code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from soak.phone.encryption import InvitationLink, PhoneKeys
from soak.phone.offsets import FEATURES
from soak.phone.phone import Phone
from tests.support.agent import RunningAgent


def sealed_by(invitation: dict[str, Any]) -> PhoneKeys:
    """Return the identity and secret of a phone that has opened the link of an invitation."""
    return PhoneKeys.by_link(InvitationLink.read(str(invitation["link"])))


@asynccontextmanager
async def sealed_phone(
    relay_url: str,
    token: str | None,
    seal: PhoneKeys | None,
    *,
    webrtc: bool = False,
    features: tuple[str, ...] = FEATURES,
    name: str = "sealed phone",
    device_id: str | None = None,
    ordered: bool = True,
) -> AsyncIterator[Phone]:
    """Open a phone, not connected yet. It keeps all output."""
    async with Phone(
        relay_url,
        token,
        name=name,
        webrtc=webrtc,
        features=features,
        keys=seal,
        device_id=device_id,
        ordered=ordered,
        keep_output=True,
    ) as phone:
        yield phone


@asynccontextmanager
async def invited_phone(agent: RunningAgent, *, webrtc: bool = False, **options: Any) -> AsyncIterator[Phone]:
    """Open a phone that has just scanned the QR code, not connected yet."""
    invitation = await agent.invite()
    async with sealed_phone(
        agent.relay_url, invitation["token"], sealed_by(invitation), webrtc=webrtc, **options
    ) as phone:
        yield phone
