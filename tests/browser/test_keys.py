"""The key bar and other input: keys arrive as a terminal sends them, and Ctrl holds for one key or until released."""

import hashlib
from pathlib import Path

import pytest

from tests.browser.programs import HEARS, TAKES, command
from tests.browser.scene import Scene, Way, answers, at_the_phone

TEXTS = {"ascii": "plain words", "accents": "naïve ça", "wide": "漢字 かな", "emoji": "👩\u200d🚀🇩🇪"}


async def listening(here: Scene, folder: Path, modes: str = "", back: str = "") -> None:
    """Let the shown terminal print its input."""
    await here.phone.enter(command(folder, HEARS, modes, back))
    await here.phone.shows("listening")


async def hears(here: Scene, *pressed: bytes) -> None:
    """Wait until the terminal has printed all of this, in this order."""
    await here.phone.shows_in_order(*(f"read {one.hex('-')}." for one in pressed))


async def test_keys_of_the_bar_arrive_as_a_terminal_sends_them(tmp_path: Path) -> None:
    keys = {"Esc": b"\x1b", "Tab": b"\t", "Up": b"\x1b[A", "Down": b"\x1b[B", "Left": b"\x1b[D", "Right": b"\x1b[C"}
    async with at_the_phone(tmp_path) as here:
        await listening(here, tmp_path)
        for name, read in keys.items():
            await here.phone.tap_key(name)
            await hears(here, read)


@pytest.mark.extended
async def test_arrows_follow_the_programs_cursor_mode(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await listening(here, tmp_path, r"\x1b[?1h", r"\x1b[?1l")
        await here.phone.tap_key("Up")
        await hears(here, b"\x1bOA")


@pytest.mark.extended
async def test_ctrl_holds_for_one_key_and_locked_until_it_is_off(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        await listening(here, tmp_path)
        await phone.tap_key("Ctrl")
        assert await phone.held("Ctrl") == "once"
        await phone.press("a")
        await hears(here, b"\x01")
        assert await phone.held("Ctrl") == "off"
        await phone.press("a")
        await hears(here, b"\x01", b"a")
        await phone.lock_key("Ctrl")
        assert await phone.held("Ctrl") == "locked"
        for letter in "ab":
            await phone.press(letter)
        await hears(here, b"a", b"\x01", b"\x02")
        await phone.tap_key("Ctrl")
        assert await phone.held("Ctrl") == "off"
        await phone.press("b")
        await hears(here, b"\x02", b"b")


@pytest.mark.extended
async def test_what_a_keyboard_types_arrives_once(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await listening(here, tmp_path)
        for letter in "aZ 5%~/":
            await here.phone.press(letter)
            await here.phone.shows(f"read {letter.encode().hex()}.")
        read = [line for line in await here.phone.rows() if line.startswith("read")]
        assert read == [f"read {letter.encode().hex()}." for letter in "aZ 5%~/"]


@pytest.mark.extended
async def test_ctrl_c_ends_the_running_program(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.enter("sleep 1000; echo ended-$((1+1))")
        await here.phone.tap_key("Ctrl")
        await here.phone.press("c")
        await answers(here.phone)


@pytest.mark.extended
async def test_an_own_combination_is_made_used_and_kept(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        await phone.add_combination("Detach", "<Ctrl+B>d")
        await listening(here, tmp_path)
        await phone.tap_key("Detach")
        await phone.shows("read 02-64.")
        await phone.press("q")
        await phone.shows("read enough")
        await phone.reload()
        await phone.ready()
        await listening(here, tmp_path)
        await phone.tap_key("Detach")
        await phone.shows_in_order("read enough", "read 02-64.")


@pytest.mark.extended
@pytest.mark.parametrize(
    "text", ["plain words", "naïve ça", "漢字 かな", "👩‍🚀🇩🇪"], ids=["ascii", "accents", "wide", "emoji"]
)
async def test_text_of_a_soft_keyboard_arrives_as_it_is(tmp_path: Path, text: str) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.enter("cat > said.txt; clear; cat said.txt | od -An -tx1 | tr -d ' \\n'; echo")
        await here.phone.insert(text)
        await here.phone.press("Enter")
        await here.phone.tap_key("Ctrl")
        await here.phone.press("d")
        await here.phone.shows(f"{text}\n".encode().hex())


@pytest.mark.extended
async def test_a_paste_is_bracketed_when_the_program_wants_that(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.copy_elsewhere("two\nlines")
        await listening(here, tmp_path, r"\x1b[?2004h", r"\x1b[?2004l")
        await here.phone.paste()
        await hears(here, b"\x1b[200~two\rlines\x1b[201~")


@pytest.mark.extended
@pytest.mark.parametrize("way", ["channel", "relay"])
async def test_a_paste_of_a_megabyte_arrives_whole(tmp_path: Path, way: Way) -> None:
    text = "".join(f"{number:07d} " for number in range(120_000)) + "漢字" * 6_000
    async with at_the_phone(tmp_path, way=way) as here:
        await here.phone.copy_elsewhere(text)
        await here.phone.enter(command(tmp_path, TAKES, str(len(text.encode()))))
        await here.phone.shows("takes it")
        await here.phone.paste()
        await here.phone.agree("Paste")
        await here.phone.shows(f"took {hashlib.sha256(text.encode()).hexdigest()[:16]}.", 60)
        await answers(here.phone)


@pytest.mark.extended
async def test_a_tap_reaches_a_program_that_wants_the_mouse(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await listening(here, tmp_path, r"\x1b[?1000h\x1b[?1006h", r"\x1b[?1000l\x1b[?1006l")
        await here.phone.tap_cell(column=5, row=7)
        pressed, released = b"\x1b[<0;5;7M", b"\x1b[<0;5;7m"
        await here.phone.shows_in_order(pressed.hex("-"), released.hex("-"))
