"""An agent as users run it, and a phone whose browser has opened the link of the QR code.

Owns both for the length of a scope.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import nothing_went_wrong, on_path
from tests.support.browser import WITHOUT_WEBGL, PhoneBrowser, open_browser
from tests.support.phone_page import PhonePage

Way = Literal["channel", "relay"]

WITHOUT_WEBRTC = "delete window.RTCPeerConnection;"
"""Makes the page work without WebRTC, as in a browser that lacks it."""

_numbers = itertools.count(1000)


@dataclass(frozen=True)
class Scene:
    """An agent, a browser and the page in it."""

    agent: RunningAgent
    browser: PhoneBrowser
    phone: PhonePage


def scripts_for(way: Way) -> tuple[str, ...]:
    """Return the scripts that a page runs first, so that it uses this path."""
    return () if way == "channel" else (WITHOUT_WEBRTC,)


@asynccontextmanager
async def at_the_phone(
    folder: Path,
    *scripts: str,
    way: Way = "channel",
    serve: tuple[str, ...] = (),
    webgl: bool = False,
) -> AsyncIterator[Scene]:
    """Open a link on a phone, which uses this path, and wait for its first terminal.

    `webgl`: terminals are drawn by it, and read out so that there is text too.
    """
    async with serving(folder / "state", *serve) as agent:
        flags = () if webgl else (WITHOUT_WEBGL,)
        async with open_browser(*scripts_for(way), *scripts, flags=flags) as browser:
            phone = PhonePage(await browser.context.new_page())
            await phone.open((await agent.invite())["link"])
            await phone.ready(way)
            await on_path(agent, way)
            await phone.first_terminal()
            if webgl:
                await phone.have_it_read_out()
            await answers(phone)
            yield Scene(agent, browser, phone)
        nothing_went_wrong(agent)


async def answers(phone: PhonePage) -> None:
    """Type a calculation and wait for its result: the shown terminal works in both directions."""
    number = next(_numbers)
    await phone.enter(f"echo is-$(({number}*3))-so")
    await phone.shows(f"is-{number * 3}-so")
