"""The user approves every line that may do harm, however it was entered. With real shells."""

from pathlib import Path
from typing import Any

import pytest

from tests.assistant.place import presses, says, types
from tests.assistant.shells import PRESENT, Shell, a_shell
from tests.support.eventually import eventually

every_shell = pytest.mark.parametrize("shell", PRESENT)

every_editor = pytest.mark.parametrize("shell", [name for name in PRESENT if name != "dash"])

ENTER = presses("Enter")


@every_shell
async def test_a_line_that_only_shows_something_is_run_without_a_question(tmp_path: Path, shell: str) -> None:
    steps = [types("echo a-$((1+1))\n") if shell != "fish" else types("echo a-2 | cat\n"), types("ls\n"), says("ok")]
    async with a_shell(tmp_path, shell, steps) as here:
        here.ask()
        event, payload = await here.notes.end()
        assert (event, here.notes.of("ai:approval")) == ("ai:finished", []), payload
        await here.shows("a-2")


@every_shell
@pytest.mark.parametrize(
    "keys",
    [
        [types("rm -rf victim\n")],
        [types("rm -rf victim"), ENTER],
        [types("m -rf victim"), presses("Home"), types("r"), ENTER],
        [types("m -rf victim"), presses("Ctrl+A"), types("r"), ENTER],
        [types("echo rm -rf victim"), presses("Home"), *[presses("Delete")] * 5, ENTER],
        [types("rm -rf victims"), presses("Backspace"), ENTER],
    ],
    ids=["typed", "in pieces", "home", "beginning", "delete", "backspace"],
)
async def test_a_risky_line_waits_for_a_person_however_it_is_typed(
    tmp_path: Path, shell: str, keys: list[dict[str, Any]]
) -> None:
    pressed = {key.get("key") for key in keys}
    if (shell == "dash" and pressed & {"Home", "Ctrl+A"}) or (shell == "zsh" and "Home" in pressed):
        pytest.skip("this shell does not know these keys")
    victim = tmp_path / "victim"
    victim.mkdir()
    async with a_shell(tmp_path, shell, [*keys, says("done")]) as here:
        here.ask()
        asked = await here.asked()
        last = asked["actions"][-1]
        assert last["line"].rstrip("/") == "rm -rf victim"  # fish suggests a directory's end
        assert any("deletes files" in (step.get("risk") or "") for step in asked["actions"])
        assert victim.exists()
        here.answer(asked, ok=True)
        assert (await here.notes.end())[0] == "ai:finished"
        assert len(here.notes.of("ai:approval")) == 1
        await eventually(lambda: not victim.exists())


# -- the judged line is the one on the screen


async def run_by_hand(here: Shell, line: str, shows: str) -> None:
    """Run a command in the shell, as the user does."""
    here.terminal.write(f"{line}\r")
    await here.shows(shows)
    await here.prompt()


@every_editor
async def test_a_line_from_the_history_is_judged(tmp_path: Path, shell: str) -> None:
    async with a_shell(tmp_path, shell, [presses("Up"), ENTER, says("ok")]) as here:
        await run_by_hand(here, "rm -f /tmp/no-such-file; echo do''ne", "done")
        here.ask()
        asked = await here.asked()
        assert "rm -f /tmp/no-such-file" in asked["actions"][-1]["line"]


@pytest.mark.parametrize("recall", ["!!", "!rm", "echo a; !!", "^done^gone"])
async def test_a_history_expansion_is_asked_about(tmp_path: Path, recall: str) -> None:
    async with a_shell(tmp_path, "bash", [types(recall), ENTER, says("ok")]) as here:
        await run_by_hand(here, "echo do''ne", "done")
        here.ask()
        assert (await here.asked())["actions"][-1]["line"] == recall


@every_editor
async def test_a_completed_line_is_judged_as_it_is_completed(tmp_path: Path, shell: str) -> None:
    (tmp_path / "only-file").touch()
    async with a_shell(tmp_path, shell, [types("cat onl"), presses("Tab"), ENTER, says("ok")]) as here:
        here.ask()
        event, payload = await here.notes.end()
        assert (event, here.notes.of("ai:approval")) == ("ai:finished", []), payload
    async with a_shell(
        tmp_path / "state", shell, [types("rmdi"), presses("Tab"), types(" x"), ENTER, says("ok")]
    ) as here:
        here.ask()
        assert "rmdir" in (await here.asked())["actions"][-1]["line"]


@every_editor
@pytest.mark.parametrize(
    "part", ["$(touch x)", "`touch x`", "*(e:'touch x':)", "$path['path[$(touch x)]']", "(touch x)"]
)
async def test_completing_runs_nothing_of_the_line_without_a_question(tmp_path: Path, shell: str, part: str) -> None:
    async with a_shell(tmp_path, shell, [types(f"ls {part}"), presses("Tab"), says("done")], [says("I see")]) as here:
        here.ask()
        asked = await here.asked()
        assert "completion by the shell" in asked["actions"][0]["risk"]
        assert asked["actions"][0]["line"] == f"ls {part}"
        here.answer(asked, ok=False)
        await here.notes.end()
        assert not (tmp_path / "x").exists()


async def test_completing_the_arguments_of_an_unknown_command_is_asked_about(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("make "), presses("Tab"), says("done")], [says("I see")]) as here:
        here.ask()
        assert (await here.asked())["actions"][0]["key"] == "Tab"


async def test_a_search_in_the_history_is_asked_about(tmp_path: Path) -> None:
    steps = [presses("Ctrl+R"), types("no-such"), ENTER, says("ok")]
    async with a_shell(tmp_path, "bash", steps) as here:
        await run_by_hand(here, "rm -f /tmp/no-such-file; echo do''ne", "done")
        here.ask()
        here.answer(await here.asked(), ok=True)  # a search may have begun
        asked = await here.asked(2)
        here.answer(asked, ok=True)
        assert "rm -f /tmp/no-such-file" in (await here.asked(3))["actions"][-1]["line"]


@every_shell
async def test_each_line_of_a_text_is_judged_before_it_runs(tmp_path: Path, shell: str) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    steps = [types("echo one\rrm victim\necho two\n"), says("ok")], [says("I see")]
    async with a_shell(tmp_path, shell, *steps) as here:
        here.ask()
        asked = await here.asked()
        assert asked["actions"][-1]["line"] == "rm victim"
        await here.shows("one")
        here.answer(asked, ok=False)
        await here.notes.end()
        assert victim.exists()
        assert len(here.notes.of("ai:approval")) == 1


@every_editor
@pytest.mark.parametrize("cols", [20, 37])
async def test_a_line_over_several_rows_is_judged_whole(tmp_path: Path, shell: str, cols: int) -> None:
    """Including one whose second row looks like a prompt with a harmless command."""
    line = "rm -f " + "x" * 150
    text = f"m -f {'x' * 150}"
    async with a_shell(
        tmp_path, shell, [types(text), presses("Ctrl+A"), types("r"), ENTER, says("ok")], cols=cols
    ) as here:
        here.ask()
        asked = await here.asked()
        assert asked["actions"][-1]["line"].startswith(line)


async def test_a_long_line_is_shown_to_its_end(tmp_path: Path) -> None:
    steps = [types(f"echo {'x' * 1200}"), types(";rm -f  victim"), presses("Ctrl+E"), ENTER, says("ok")]
    async with a_shell(tmp_path, "bash", steps) as here:
        here.ask()
        assert (await here.asked())["actions"][-1]["line"].endswith("x;rm -f  victim")


@pytest.mark.parametrize("blanks", [9, 10, 11])
async def test_a_row_that_looks_like_a_prompt_hides_nothing(tmp_path: Path, blanks: int) -> None:
    text = f"rm -f x;{' ' * blanks}$ ls"
    async with a_shell(
        tmp_path, "bash", [types(text), presses("Left"), ENTER, says("ok")], cols=20, prompt="$ "
    ) as here:
        here.ask()
        asked = (await here.asked())["actions"][-1]
        assert asked["risk"]
        assert asked["line"].startswith("rm -f x;")


@every_editor
@pytest.mark.parametrize("odd", ["\U0001d15e", "\U0001d160", "\u1160", "\u3248", "\U0001f389", "e\u0301"])
async def test_a_character_of_unsure_width_hides_nothing(tmp_path: Path, shell: str, odd: str) -> None:
    """One for which the shell counts other cells than the screen overwrites the one behind it."""
    (tmp_path / "victim").touch()
    keys = [types(";rm victim"), presses("Ctrl+A"), types("echo "), types(odd), ENTER]
    async with a_shell(tmp_path, shell, [*keys, says("done")], [says("I see")]) as here:
        here.ask()
        here.answer(await here.asked(), ok=False)
        await here.notes.end()
        assert (tmp_path / "victim").exists()


@every_editor
async def test_a_character_that_only_looks_like_a_shell_s_sign_is_not_taken_for_it(tmp_path: Path, shell: str) -> None:
    """By Unicode's rules the Greek question mark is a semicolon; to a shell it is a letter, and this one command."""
    (tmp_path / "victim").touch()
    keys = [types("find victim \u037e cat -delete"), presses("Ctrl+E"), ENTER]
    async with a_shell(tmp_path, shell, [*keys, says("done")], [says("I see")]) as here:
        here.ask()
        here.answer(await here.asked(), ok=False)
        await here.notes.end()
        assert (tmp_path / "victim").exists()


@every_shell
@pytest.mark.parametrize("unseen", ["\u200b", "\u202e", "\u0301", "\ufe0f", "\u00ad", "\U000e0041"])
async def test_a_character_that_can_not_be_seen_is_asked_about_before_it_is_typed(
    tmp_path: Path, shell: str, unseen: str
) -> None:
    """Behind a backslash it takes the place of the sign that a person sees escaped."""
    steps = [types(f"echo \\{unseen};rm victim"), presses("Ctrl+E"), ENTER, says("done")], [says("I see")]
    async with a_shell(tmp_path, shell, *steps) as here:
        here.ask()
        asked = await here.asked()
        assert f"U+{ord(unseen):04X}" in asked["actions"][0]["risk"]
        here.answer(asked, ok=False)
        await here.notes.end()


async def test_a_recalled_line_with_a_character_that_can_not_be_seen_is_asked_about(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [presses("Up"), ENTER, says("done")], [says("I see")]) as here:
        await run_by_hand(here, "echo \\\u200b;echo do''ne", "done")
        here.ask()
        asked = await here.asked()
        assert asked["actions"][-1]["line"].startswith("echo \ufffd;")


async def test_such_characters_need_no_question_where_nothing_is_edited(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("echo \U0001f389"), ENTER, says("done")]) as here:
        here.ask()
        await here.notes.end()
        assert here.notes.of("ai:approval") == []


async def test_what_a_program_prints_before_the_prompt_is_no_command(tmp_path: Path) -> None:
    """Neither a harmless command before the real line, nor a mode that hides a part of it."""
    victim = tmp_path / "victim"
    victim.touch()
    for number, trick in enumerate(["$ echo ", "\x1b[?7l", "\x1b(0", "\x1b[4h", "\x1b[1;5r"]):
        (tmp_path / "evil").write_text(trick)
        (tmp_path / str(number)).mkdir()
        steps = [types("cat ../evil\n"), types(f"true {'x' * 80}; rm ../victim"), presses("Left"), ENTER, says("ok")]
        async with a_shell(tmp_path / str(number), "bash", steps, prompt="> $ ") as here:
            here.ask()
            asked = await here.asked()
            assert any(step.get("risk") for step in asked["actions"])
            assert victim.exists()


async def test_what_somebody_has_begun_to_type_is_not_run(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("ls\n"), says("ok")], prompt="$ ") as here:
        here.terminal.write("rm -f x > ")
        await here.shows("rm -f x > ")
        here.ask()
        asked = await here.asked()
        assert "can't be read" in asked["actions"][0]["risk"]


async def test_what_somebody_types_meanwhile_is_judged_too(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("ls"), {"type": "delay", "ms": 600}, ENTER, says("ok")]) as here:
        here.ask()
        await here.shows("ls")
        here.terminal.write("; rm -f x")
        assert (await here.asked())["actions"][-1]["line"] == "ls; rm -f x"


@every_editor
async def test_what_somebody_types_behind_the_cursor_is_shown_too(tmp_path: Path, shell: str) -> None:
    async with a_shell(tmp_path, shell, [types("ls"), {"type": "delay", "ms": 600}, ENTER, says("ok")]) as here:
        here.ask()
        await here.shows("ls" if shell != "zsh" else "l")
        here.terminal.write("; rm -f x" + "\x1b[D" * 9)
        assert (await here.asked())["actions"][-1]["line"] == "ls; rm -f x"


async def test_a_line_that_changes_while_a_person_thinks_is_asked_about_again(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("m -f x"), presses("Home"), types("r"), ENTER, says("ok")]) as here:
        here.ask()
        asked = await here.asked()
        here.terminal.write("f -f y; echo changed; ")
        await here.shows("echo changed")
        here.answer(asked, ok=True)
        again = await here.asked(2)
        assert "echo changed" in again["actions"][-1]["line"]


# -- unknown lines


async def test_what_an_interactive_program_would_get_is_asked_about(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("y\n"), says("ok")]) as here:
        await run_up_to(here, "head -n 1 | sed s/y/ye''s-/")
        here.ask()
        asked = await here.asked()
        assert [step.get("text") or step.get("key") for step in asked["actions"]] == ["y", "Enter"]
        assert asked["actions"][0]["risk"]
        assert "yes-" not in here.screen()
        here.answer(asked, ok=True)
        await here.shows("yes-")
        await here.notes.end()
        assert len(here.notes.of("ai:approval")) == 1


async def run_up_to(here: Shell, line: str) -> None:
    here.terminal.write(f"{line}\r")
    await eventually(lambda: not here.terminal.foreground().is_prompt)


async def test_a_hidden_line_is_asked_about(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("ls\n"), says("ok")]) as here:
        await run_up_to(here, "read -s secret")
        here.ask()
        assert (await here.asked())["actions"][0]["risk"]


QUESTIONS = {
    "bash": [
        ("f() { read -rsn1 -p 'Su''re? ' a; test $a = y && rm victim; }; f", "Sure? "),
        ("f() { read -rsn1 -p 'Su''re> ' a; test $a = y && rm victim; }; f", "Sure> "),
        ("f() { read -e -n1 -p 'Su''re (y/n) ' a; test $a = y && rm victim; }; f", "Sure (y/n) "),
        ("f() { read -e -p 'Delete wh''at: ' a; rm $a; }; f", "what: "),
    ],
    "zsh": [
        ("f() { read -s -k1 'a?Su''re> '; test $a = y && rm victim; }; f", "Sure> "),
        ("f() { read -sq 'a?Su''re> ' && rm victim; }; f", "Sure> "),
        ("f() { a=; vared -p 'Su''re [y/N]? ' a; rm $a; }; f", "Sure [y/N]? "),
        ("rm *", "sure you want to delete"),
        ("setopt correct\rgone() { rm victim; }\rgoone", "[nyae]? "),
    ],
    "fish": [("function f; read -n1 -P 'Su''re [y/N] ' a; test $a = y && rm victim; end; f", "Sure [y/N] ")],
    "dash": [("f() { printf 'Su''re? '; read a; test $a = y && rm victim; }; f", "Sure? ")],
}
"""Questions that a shell asks in a function or before an action, and their appearance."""


@pytest.mark.parametrize(("shell", "question"), [(shell, each) for shell in PRESENT for each in QUESTIONS[shell]])
async def test_an_answer_to_a_question_of_the_shell_is_asked_about(
    tmp_path: Path, shell: str, question: tuple[str, str]
) -> None:
    (tmp_path / "victim").touch()
    async with a_shell(tmp_path, shell, [types("y"), says("ok")], [says("I see")]) as here:
        here.terminal.write(f"{question[0]}\r")
        await here.shows(question[1])
        here.ask()
        asked = await here.asked()
        assert asked["actions"][0]["text"] == "y"
        here.answer(asked, ok=False)
        await here.notes.end()
        assert (tmp_path / "victim").exists()


@pytest.mark.skipif("zsh" not in PRESENT, reason="zsh is not installed")
@pytest.mark.parametrize("key", ["Home", "End", "Delete", "PageUp", "PageDown"])
async def test_what_follows_a_key_that_the_shell_does_not_know_is_asked_about(tmp_path: Path, key: str) -> None:
    """In vi mode such a key is an Escape and a command; then `#` takes the `#` away, and runs the line."""
    (tmp_path / "victim").touch()
    steps = [types("#rm victim"), presses(key), types("#"), says("done")], [says("I see")]
    async with a_shell(tmp_path, "zsh", *steps) as here:
        await run_by_hand(here, "bindkey -v; echo do''ne", "done")
        here.ask()
        here.answer(await here.asked(), ok=False)
        await here.notes.end()
        assert (tmp_path / "victim").exists()


@every_editor
async def test_keys_that_the_shell_knows_need_no_question(tmp_path: Path, shell: str) -> None:
    keys = [types("ech x"), *[presses("Left")] * 2, types("o"), presses("Right"), types("y")]
    async with a_shell(tmp_path, shell, [*keys, says("done")]) as here:
        await run_by_hand(here, "echo do''ne", "done")
        here.ask()
        event, payload = await here.notes.end()
        assert (event, here.notes.of("ai:approval")) == ("ai:finished", []), payload


@pytest.mark.parametrize("key", ["Ctrl+D", "Ctrl+Z", "Escape", "Ctrl+["])
async def test_keys_that_do_more_than_edit_are_asked_about(tmp_path: Path, key: str) -> None:
    async with a_shell(tmp_path, "bash", [types("ls"), presses(key), says("ok")]) as here:
        here.ask()
        assert (await here.asked())["actions"][0]["key"] == key


@pytest.mark.skipif("zsh" not in PRESENT, reason="zsh is not installed")
async def test_a_letter_after_escape_is_no_plain_letter(tmp_path: Path) -> None:
    """In zsh, Escape and `a` run the line."""
    victim = tmp_path / "victim"
    victim.touch()
    async with a_shell(tmp_path, "zsh", [types("rm victim"), presses("Escape"), types("a"), says("ok")]) as here:
        here.ask()
        here.answer(await here.asked(), ok=True)
        assert [step.get("text") for step in (await here.asked(2))["actions"]] == ["a"]
        assert victim.exists()


async def test_an_unfinished_command_is_asked_about_line_by_line(tmp_path: Path) -> None:
    async with a_shell(tmp_path, "bash", [types("for x in a; do\necho $x\ndone\n"), says("ok")]) as here:
        here.ask()
        asked = await here.asked()
        assert asked["actions"][-1]["line"] == "for x in a; do"
        here.answer(asked, ok=True)
        asked = await here.asked(2)
        assert [step.get("text") or step["key"] for step in asked["actions"]] == ["echo $x", "Enter", "done", "Enter"]


async def test_what_was_not_allowed_does_not_stay_at_the_prompt(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    steps = [types("m victim"), presses("Home"), types("r"), ENTER, says("no")], [says("I see")]
    async with a_shell(tmp_path, "bash", *steps) as here:
        here.ask()
        here.answer(await here.asked(), ok=False)
        await here.notes.end()
        here.terminal.write("\r")
        await run_by_hand(here, "echo do''ne", "done")
        assert victim.exists()
