"""Real programs in the phone's terminal look exactly like the same bytes in a fresh xterm."""

import asyncio
import base64
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from tests.browser.scene import Scene, at_the_phone
from tests.support.agent_status import asked
from tests.support.eventually import eventually
from tests.support.fresh_xterm import fresh_xterm

pytestmark = pytest.mark.extended

RECORDER = """
{
  window.__heard = [];
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener("datachannel", (event) => event.channel.addEventListener("message", (message) => {
        const {type, payload} = JSON.parse(message.data);
        if (type === "terminal:output" || type === "process:screen") window.__heard.push(payload.data);
      }));
    }
  };
}
"""
"""The agent's output of the only terminal, by data channel, before the page gets it."""

UNICODE = r"""
import time
print("\x1b[2J\x1b[H", end="")
print("naïve façade Ångström straße ćevapi\nΕλληνικά русский עברית العربية")
print("漢字かな交じり文 한국어 ｆｕｌｌ")
print("👩‍🚀 👍🏽 🇩🇪 😀 ❤️ ☂")
print("e\u0301 o\u0308 a\u0302 n\u0303 \u1100\u1161\u11a8")
print("┌──┬──┐ ╭──╮ ▁▂▃▄▅▆▇█ ░▒▓ ⠿⣿")
print(" ".join(f"\x1b[{number}mstyle {number}\x1b[0m" for number in (1, 2, 3, 4, 7, 9)))
print("drawn.", end="", flush=True)
time.sleep(1000)
"""

COLOURS = r"""
import time
print("\x1b[2J\x1b[H", end="")
for row in range(12):
    print("".join(f"\x1b[48;2;{column * 6};{row * 20};{255 - column * 6}m \x1b[0m" for column in range(40)))
for first in range(16, 232, 36):
    print("".join(f"\x1b[48;5;{number}m \x1b[0m" for number in range(first, first + 36)))
print("".join(f"\x1b[3{number}m{number}\x1b[9{number}m{number}" for number in range(8)), "\x1b[0m")
print("drawn.", end="", flush=True)
time.sleep(1000)
"""

Draws = Callable[[Scene, Path], Awaitable[None]]


async def unicode_text(here: Scene, folder: Path) -> None:
    await drawn_by_python(here, folder, UNICODE)


async def true_colour(here: Scene, folder: Path) -> None:
    await drawn_by_python(here, folder, COLOURS)


async def drawn_by_python(here: Scene, folder: Path, source: str) -> None:
    (folder / "draws.py").write_text(source)
    await here.phone.enter(f"{sys.executable} {folder / 'draws.py'}")
    await here.phone.shows("drawn.")


async def vim(here: Scene, folder: Path) -> None:
    program = "vim" if shutil.which("vim") else "vi"
    text = folder / "poem.txt"
    text.write_text("".join(f"{number} a line of a text, 漢字 and naïveté\n" for number in range(1, 200)))
    await here.phone.enter(f"{program} -n {text}")
    await here.phone.shows("1 a line")
    await here.phone.enter(":set number hlsearch | /50 a")
    await here.phone.shows("50 a line")


async def htop(here: Scene, folder: Path) -> None:
    await here.phone.enter("htop")
    await here.phone.shows("Load average")
    shell = psutil.Process((await asked(here.agent))["terminals"][0]["pid"])
    shell.children()[0].send_signal(signal.SIGSTOP)  # it never stops drawing


async def tmux(here: Scene, folder: Path) -> None:
    await here.phone.enter(
        f"tmux -f /dev/null -S {folder / 'tmux'} new 'sh' \\; set status-right x \\; split-window -v sh"
    )
    await here.phone.shows("[0] 0:")
    await here.phone.enter("echo below-$((1+1))")
    await here.phone.shows("below-2")


@pytest.mark.parametrize("drawn_by", ["dom", "webgl"])
@pytest.mark.parametrize("draws", [unicode_text, true_colour, vim, htop, tmux], ids=lambda one: one.__name__)
async def test_a_program_looks_as_in_a_fresh_xterm(tmp_path: Path, draws: Draws, drawn_by: str) -> None:
    needed = {"htop": htop, "tmux": tmux}.get(draws.__name__)
    if needed and not shutil.which(draws.__name__):
        pytest.skip(f"expected {draws.__name__} on the PATH: `apt install {draws.__name__}` brings it")
    async with at_the_phone(tmp_path, RECORDER, webgl=drawn_by == "webgl") as here, fresh_xterm() as fresh:
        assert await here.phone.by_webgl() is (drawn_by == "webgl")
        try:
            await draws(here, tmp_path)
            await same_picture(here, fresh)
        finally:
            await leave(here, tmp_path)


async def same_picture(here: Scene, fresh: str) -> None:
    """Compare the page's terminal with a fresh one that gets the same output."""
    phone = here.phone
    await phone.focus_terminal()
    shown = await phone.picture_at_rest()
    chunks = await phone.page.evaluate("window.__heard")
    page = await here.browser.context.new_page()
    await page.goto(fresh)
    look = await phone.look()
    await page.evaluate("(given) => show(given)", {**look, "chunks": chunks})
    wanted = await page.locator(".xterm-screen").screenshot()
    pictures = [base64.b64encode(one).decode() for one in (shown, wanted)]
    comparison = await page.evaluate("([one, other]) => compare(one, other)", pictures)
    if comparison["differing"]:
        for name, picture in (("page", shown), ("fresh", wanted)):
            (here.agent.state_dir.parent / f"{name}.png").write_bytes(picture)
    assert comparison["colours"] > 3
    assert comparison["differing"] == 0, f"{comparison}: see page.png and fresh.png in {here.agent.state_dir.parent}"
    await page.close()


async def leave(here: Scene, folder: Path) -> None:
    """End the programs in the terminals, so that none remains."""
    if (folder / "tmux").exists():
        ended = await asyncio.create_subprocess_exec("tmux", "-S", folder / "tmux", "kill-server")
        assert await ended.wait() == 0
    for terminal in (await asked(here.agent))["terminals"]:
        children = psutil.Process(terminal["pid"]).children(recursive=True)
        for child in children:
            child.kill()
        await eventually(lambda children=children: not any(_runs(child) for child in children))


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
