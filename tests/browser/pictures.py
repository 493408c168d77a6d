"""Take the pictures of the phone page for the README: `python -m tests.browser.pictures [FOLDER]`.

A real agent with real programs is shown in a browser of a phone's size. The PNG files go into docs/pictures, each of
200 KB at most. The content is made up: a small shop, its tests, and an assistant with scripted answers.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import netns
from tests.support.agent import serving
from tests.support.browser import WITHOUT_WEBGL, open_browser
from tests.support.phone_page import PhonePage

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 200_000
SCALE = 2

SHELL = r"""
PS1='\[\e[1;34m\]\W\[\e[0m\] \[\e[32m\]main\[\e[0m\] $ '
"""

VIM = """
set nocompatible number hlsearch incsearch ruler laststatus=2 background=dark nomodeline viminfo=
syntax on
"""

HISTORY = [
    "Till: totals in decimals",
    "Stock: items on two shelves",
    "Taxes: new rates",
    "Receipts: fit the paper",
]

SHOP = '''\
"""The till of a small shop."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Line:
    """One item and its count."""

    name: str
    price: Decimal
    count: int = 1

    @property
    def total(self) -> Decimal:
        return self.price * self.count


def total(lines: list[Line]) -> Decimal:
    """Return the amount to pay."""
    return sum((line.total for line in lines), Decimal())


def receipt(lines: list[Line]) -> str:
    rows = [f"{one.name:<12}{one.total:>8}" for one in lines]
    return "\\n".join([*rows, f"{'':-<20}", f"{total(lines):>20}"])
'''

BUILD = r"""
import sys, time
parts = ["till", "stock", "orders", "labels", "prices", "receipts", "taxes", "search"]
print("\x1b[1mBuilding shop 2.4.0\x1b[0m")
for number, part in enumerate(parts, 1):
    print(f"  \x1b[32m✓\x1b[0m {part:<10} \x1b[2m{number * 37 % 90 / 10 + 0.4:.1f} s\x1b[0m")
print("\n\x1b[1mTests\x1b[0m")
for name, count in [("test_till", 24), ("test_stock", 61), ("test_orders", 38), ("test_taxes", 17)]:
    print(f"  {name:<12} \x1b[32m{'·' * (count // 3)}\x1b[0m \x1b[2m{count}\x1b[0m")
print("\n  \x1b[30;42m 140 passed \x1b[0m  in 3.2 s\n")
sys.stdout.write("Packing  \x1b[36m" + "█" * 17 + "\x1b[2m" + "░" * 7 + "\x1b[0m 71 %")
sys.stdout.flush()
time.sleep(600)
"""

ANSWERS = [
    [
        {"type": "message", "text": "I'll look around first."},
        {"type": "keystroke", "text": "ls -d *"},
        {"type": "keystroke", "key": "Enter"},
        {"type": "request_screen"},
    ],
    [
        {"type": "message", "text": "The build directory is older than till.py. I'd delete it and rebuild."},
        {"type": "keystroke", "text": "rm -r build && make"},
        {"type": "keystroke", "key": "Enter"},
    ],
]


class Studio:
    """A page with a connected session, and the folder of its pictures."""

    def __init__(self, phone: PhonePage, home: Path, folder: Path) -> None:
        self.phone = phone
        self._home = home
        self._folder = folder

    async def shoot(self, name: str) -> None:
        """Take one picture. Raises ValueError if it is too large."""
        await self.phone.page.evaluate("document.fonts.ready")
        path = self._folder / f"{name}.png"
        await self.phone.page.screenshot(path=path, animations="disabled")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ValueError(f"{path}: expected {MOST_BYTES} bytes at most; found {size}")
        print(f"{path}: {size / 1000:.0f} KB")

    async def start(self) -> None:
        """Open tabs with names, each at a prompt."""
        await self.phone.first_terminal()
        for number, name in enumerate(("shop", "editor", "server")):
            if number:
                await self.phone.new_tab()
            await self.phone.rename((await self.phone.tabs())[-1], name)
            await self.phone.enter(f". {self._home}/rc; cd {self._home}/shop; clear")
            await self.phone.shows("main $")
        await self.phone.switch("shop")

    async def build(self) -> None:
        """Show a running build."""
        await self.phone.enter("git log --oneline -4; make")
        await self.phone.shows("71 %")

    async def edit(self) -> None:
        """Show an editor."""
        await self.phone.switch("editor")
        await self.phone.enter("vim -u ../vimrc till.py")
        await self.phone.shows("The till of")
        await self.phone.enter("/total(lines")
        await self.phone.shows("def total")


async def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mobifai-pictures-") as made:
        home = Path(made)
        furnish(home)
        model = home / "answers.json"
        model.write_text(json.dumps(ANSWERS))
        options = ("--model", f"scripted:{model}", "--approvals", "risky", "--shell", "/bin/bash --norc")
        async with (
            serving(home / "state", *options) as agent,
            open_browser(flags=(WITHOUT_WEBGL,), device_scale_factor=SCALE) as browser,
        ):
            phone = PhonePage(await browser.context.new_page())
            await phone.open((await agent.invite())["link"])
            await phone.ready()
            studio = Studio(phone, home, folder)
            await studio.start()
            await session(studio)


async def session(studio: Studio) -> None:
    """Take the pictures in the order of a usual session."""
    phone = studio.phone
    await studio.build()
    await studio.shoot("terminal-dark")
    await studio.edit()
    await studio.shoot("vim-dark")
    await phone.switch("server")
    await phone.ask("Why is the receipt too narrow?")
    await phone.assistant_asks("rm -r build")
    await studio.shoot("assistant-dark")
    await phone.refuse()
    await phone.close_assistant()
    await phone.open_health()
    await studio.shoot("health-dark")
    await phone.close_sheet()
    await phone.page.emulate_media(color_scheme="light")
    await phone.switch("shop")
    await studio.shoot("terminal-light")


def furnish(home: Path) -> None:
    """Create a small project with a history."""
    shop = home / "shop"
    shop.mkdir()
    (home / "rc").write_text(SHELL)
    (home / "vimrc").write_text(VIM)
    (home / "build.py").write_text(BUILD)
    (shop / "Makefile").write_text("all:\n\t@python3 ../build.py\n")
    _git(shop, "init", "--quiet", "--initial-branch", "main")
    for number, subject in enumerate(HISTORY):
        (shop / "till.py").write_text(SHOP + "\n" * number)
        _git(shop, "add", ".")
        _git(shop, "commit", "--quiet", "--message", subject)
    (shop / "till.py").write_text(SHOP.replace("{one.name:<12}", "{one.name:<16}"))
    (shop / "build").mkdir()
    (shop / "notes.txt").write_text("Ask about the new labels.\n")


def _git(folder: Path, *words: str) -> None:
    nobody = ("-c", "user.name=A shopkeeper", "-c", "user.email=shop@example.invalid")
    subprocess.run(["git", "-C", str(folder), *nobody, *words], check=True)


def needed() -> list[str]:
    """The programs that are missing here."""
    return [name for name in ("vim", "git", "make", "bash") if shutil.which(name) is None]


if __name__ == "__main__":
    missing = needed()
    if missing:
        sys.exit(f"expected {', '.join(missing)} on the PATH: `apt install {' '.join(missing)}` brings them")
    netns.enter()
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
