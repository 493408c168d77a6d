"""The messages of a conversation for a phone, and the requests to the model."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobifai.assistant import models
from mobifai.assistant.config import ApprovalMode
from mobifai.assistant.model import ModelRequest, ModelResponse
from mobifai.errors import AssistantError
from mobifai.protocol import messages
from tests.assistant.fakes import FakeTerminal, echoes_at_a_prompt
from tests.assistant.place import FAST, LOOK, Place, a_place, presses, says, types, waits
from tests.support.eventually import eventually


class Asked:
    """A step that records the model's requests."""

    def __init__(self, *answers: Any) -> None:
        self.questions: list[ModelRequest] = []
        self._answers = answers

    def __call__(self, question: ModelRequest) -> Any:
        self.questions.append(question)
        return self._answers[min(len(self.questions), len(self._answers)) - 1]

    def sent_text(self, number: int = -1) -> str:
        """Return the last message of a request as text."""
        block = self.questions[number].messages[-1]["content"][0]
        return str(block["text"] if block["type"] == "text" else block["content"][0]["text"])


async def test_a_task_of_one_turn(tmp_path: Path) -> None:
    async with a_place(tmp_path, [types("ls\n"), presses("Ctrl+C"), waits(5), says("done")]) as place:
        place.prompt("list files")
        event, finished = await place.phone.end()
        assert place.phone.names == ["ai:started", "ai:action", "ai:action", "ai:action", "ai:message", "ai:finished"]
        assert place.phone.said[0][1] == {"uuid": "a", "conversation": 1, "prompt": "list files"}
        assert [payload["action"] for payload in place.phone.of("ai:action")] == [
            {"type": "keystroke", "text": "ls\n"},
            {"type": "keystroke", "key": "Ctrl+C"},
            {"type": "delay", "ms": 5},
        ]
        assert place.phone.of("ai:message") == [{"uuid": "a", "conversation": 1, "text": "done"}]
        assert event == "ai:finished"
        assert (finished["turns"], finished["outcome"]) == (1, "done")
        assert finished["tokens"] > 0
        assert place.terminal.texts == ["ls\r", "\x03"]


async def test_the_model_sees_the_request_with_the_screen_and_then_what_came_of_it(tmp_path: Path) -> None:
    asked = Asked([types("x\n"), LOOK], [says("done")])
    async with a_place(tmp_path, asked) as place:
        place.terminal.output("hello\r\n$ ")
        place.terminal.program = lambda terminal, text: terminal.output("x: command not found\r\n$ ")
        place.prompt("make x")
        await place.phone.end()
    assert "make x" in asked.sent_text(0)
    assert "characters 0 to 7 of 7" in asked.sent_text(0)
    assert "80 columns and 24 rows" in asked.sent_text(0)
    assert "row 2, column 3" in asked.sent_text(0)
    first, second = (
        re.search(r'<screen id="(\w+)">\n(.*)\n</screen id="\1">', asked.sent_text(n), re.DOTALL) for n in (0, 1)
    )
    assert first is not None
    assert second is not None
    assert first[2] == "hello\n$"
    assert second[2] == "hello\n$ x: command not found\n$"
    assert first[1] != second[1]
    assert "2 of 2 actions were run." in asked.sent_text(1)
    assert "Turn 2 of 20" in asked.sent_text(1)


async def test_the_same_screen_has_the_same_id(tmp_path: Path) -> None:
    asked = Asked([LOOK], [LOOK], [says("done")])
    async with a_place(tmp_path, asked) as place:
        place.terminal.output("same")
        place.prompt()
        await place.phone.end()
    ids = {re.search(r'<screen id="(\w+)">', asked.sent_text(n))[1] for n in range(3)}  # type: ignore[index]
    assert len(ids) == 1


async def test_a_long_screen_shows_its_end_and_any_slice_that_is_asked_for(tmp_path: Path) -> None:
    slices = [{"start": 0, "end": 3}, {"start": 5}, {"end": 4}, {"start": -5, "end": 10**9}, {"start": 99, "end": 2}]
    asked = Asked(*[[{**LOOK, **one}] for one in slices], [says("done")])
    limits = {"assistant.screen": 120}
    async with a_place(tmp_path, asked, limits=limits, screen_characters=100) as place:
        place.terminal.output("".join(f"line {number:04}\r\n" for number in range(30)))
        place.prompt()
        await place.phone.end()
        assert place.entry("assistant.screen").peak == 120
    total = 300
    shown = [re.search(r"characters (\d+) to (\d+) of (\d+)", asked.sent_text(n)) for n in range(6)]
    spans = [tuple(map(int, one.groups())) for one in shown if one is not None]
    expected = [(200, 300), (0, 3), (5, 125), (0, 4), (0, 120), (99, 99)]
    assert spans == [(*span, total) for span in expected]
    fitted = ["was adjusted" in asked.sent_text(n) for n in range(6)]
    assert fitted == [False, False, True, True, True, True]


async def test_the_next_turn_waits_until_the_terminal_is_quiet(tmp_path: Path) -> None:
    asked = Asked([types("go\n"), LOOK], [says("done")])
    ticks = 8

    def program(terminal: FakeTerminal, text: str) -> None:
        loop = asyncio.get_running_loop()
        for number in range(ticks):
            loop.call_later(0.02 * number, terminal.output, f"tick {number}\r\n")

    async with a_place(tmp_path, asked, quiet_seconds=0.15, quiet_limit_seconds=30) as place:
        place.terminal.program = program
        place.prompt()
        await place.phone.end()
    assert f"tick {ticks - 1}" in asked.sent_text(1)


async def test_a_terminal_that_is_never_quiet_is_looked_at_all_the_same(tmp_path: Path) -> None:
    asked = Asked([types("yes\n"), LOOK], [says("done")])
    async with a_place(tmp_path, asked, quiet_seconds=0.1, quiet_limit_seconds=0.2) as place:
        going = asyncio.get_running_loop()

        def print_on() -> None:
            nonlocal timer
            place.terminal.output("y\r\n")
            timer = going.call_later(0.01, print_on)

        timer = going.call_later(0, print_on)
        place.prompt()
        event, _ = await place.phone.end()
        timer.cancel()
    assert event == "ai:finished"
    assert "still prints after 0.2 s" in asked.sent_text(1)


async def test_cursor_keys_are_sent_as_the_program_wants_them(tmp_path: Path) -> None:
    def program(terminal: FakeTerminal, text: str) -> None:
        if text == "vi\r":
            terminal.output("\x1b[?1h\x1b=")

    async with a_place(tmp_path, [presses("Up"), types("vi\n"), presses("Up"), presses("Enter")]) as place:
        place.terminal.program = program
        place.prompt()
        await place.phone.end()
        assert place.terminal.texts == ["\x1b[A", "vi\r", "\x1bOA", "\r"]


async def test_an_answer_in_plain_json_is_done(tmp_path: Path) -> None:
    asked = Asked(
        "Sure:\n```json\n" + json.dumps({"actions": [types("a"), LOOK]}) + "\n```", json.dumps([says("done")])
    )
    async with a_place(tmp_path, asked) as place:
        place.prompt()
        assert (await place.phone.end())[0] == "ai:finished"
        assert place.terminal.text == "a"


async def test_an_answer_that_is_neither_is_given_back_once(tmp_path: Path) -> None:
    asked = Asked("I have no idea.", [says("now I have"), LOOK], "Hm.", [says("done")])
    async with a_place(tmp_path, asked) as place:
        place.prompt()
        assert (await place.phone.end())[0] == "ai:finished"
    assert "Nothing was done: expected a call of the tool act" in asked.sent_text(1)
    assert "Nothing was done" in asked.sent_text(3)


@pytest.mark.parametrize(
    "answer",
    ["no", "", [], ModelResponse(()), [{"type": "dance"}], ModelResponse(({"type": "text", "text": "x"},), 1, True)],
)
async def test_two_such_answers_end_with_an_error(tmp_path: Path, answer: Any) -> None:
    async with a_place(tmp_path, answer) as place:
        place.prompt()
        event, error = await place.phone.end()
        assert event == "ai:error"
        assert "answered twice in a row without an action" in error["error"]
        assert error["turns"] == 2
        assert place.terminal.texts == []


async def test_a_refused_action_is_not_run_and_the_model_learns_why(tmp_path: Path) -> None:
    asked = Asked([types("a"), types("b\x1b"), types("rm -rf /\n")], [says("done")])
    async with a_place(tmp_path, asked) as place:
        place.prompt()
        await place.phone.end()
        assert place.terminal.text == "a"
    assert "Action 2 and all after it were not run" in asked.sent_text(1)


async def test_the_model_learns_that_a_program_does_not_read(tmp_path: Path) -> None:
    asked = Asked([types("a"), types("b"), waits(1)], [says("done")])
    async with a_place(tmp_path, asked) as place:
        place.terminal.full = True
        place.prompt()
        await place.phone.end()
    assert "Action 1 failed, and none after it was run" in asked.sent_text(1)


# -- bounds


@pytest.mark.parametrize(("turns", "event"), [(4, "ai:error"), (5, "ai:finished"), (6, "ai:finished")])
async def test_a_conversation_has_so_many_turns(tmp_path: Path, turns: int, event: str) -> None:
    asked = Asked([LOOK], [LOOK], [LOOK], [LOOK], [says("done")])
    async with a_place(tmp_path, asked, limits={"assistant.turns": turns}) as place:
        place.prompt()
        ended, payload = await place.phone.end()
        assert ended == event
        assert payload["turns"] == min(turns, 5)
        if event == "ai:error":
            assert "stopped after 4 turns" in payload["error"]


@pytest.mark.parametrize(("tokens", "event"), [(29, "ai:error"), (30, "ai:finished"), (31, "ai:finished")])
async def test_a_conversation_has_so_many_tokens(tmp_path: Path, tokens: int, event: str) -> None:
    look = ModelResponse(({"type": "text", "text": json.dumps([LOOK])},), 15)
    done = ModelResponse(({"type": "text", "text": json.dumps([types("x")])},), 15)
    async with a_place(tmp_path, look, done, limits={"assistant.tokens": tokens}) as place:
        place.prompt()
        ended, payload = await place.phone.end()
        assert (ended, payload["tokens"]) == (event, 30)
        assert bool(place.terminal.texts) is (event == "ai:finished")


async def test_a_conversation_has_so_much_time(tmp_path: Path) -> None:
    async with a_place(tmp_path, [waits(10_000), LOOK], limits={"assistant.seconds": 1}) as place:
        place.prompt()
        event, payload = await place.phone.end()
        assert (event, payload["error"]) == ("ai:error", "the assistant stopped after 1 s; the task may be unfinished")


@pytest.mark.parametrize("limits", [{"assistant.history": 2}, {"assistant.history_bytes": 600}])
async def test_limits_too_small_for_any_conversation_end_it_with_an_error(
    tmp_path: Path, limits: dict[str, int]
) -> None:
    async with a_place(tmp_path, [LOOK], limits=limits) as place:
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert next(iter(limits)) in payload["error"]


@pytest.mark.parametrize("prompt", ["   ", "\n", "x" * 32_769])
async def test_a_prompt_has_a_size(tmp_path: Path, prompt: str) -> None:
    async with a_place(tmp_path, [LOOK]) as place:
        place.prompt(prompt)
        assert place.phone.names == ["ai:error"]
        assert "expected a task of 1 to 32768 characters" in place.phone.said[0][1]["error"]


# -- the model fails


async def test_what_the_model_client_says_is_the_error(tmp_path: Path) -> None:
    async with a_place(tmp_path, AssistantError("the model is asleep")) as place:
        place.prompt()
        event, payload = await place.phone.end()
        assert (event, payload["error"]) == ("ai:error", "the model is asleep")


async def test_a_model_that_declines_ends_it(tmp_path: Path) -> None:
    async with a_place(tmp_path, ModelResponse((), refused=True)) as place:
        place.prompt()
        assert "declined this task" in (await place.phone.end())[1]["error"]


async def test_a_bug_ends_only_that_conversation(tmp_path: Path) -> None:
    async with a_place(tmp_path, ZeroDivisionError("oops")) as place:
        place.prompt()
        assert "internal error" in (await place.phone.end())[1]["error"]
        place.prompt()
        await place.phone.end(2)


async def test_without_a_key_a_prompt_is_answered_with_a_clear_error(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert "has no key for its model: set ANTHROPIC_API_KEY, or put the key into" in payload["error"]
        assert str(tmp_path / "anthropic.key") in payload["error"]


async def test_a_script_in_a_file_needs_no_key(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([[types("x\n"), LOOK], "nothing", [says("bye")]]))
    async with a_place(tmp_path, config=replace(FAST, model=f"scripted:{script}")) as place:
        place.prompt()
        assert (await place.phone.end())[0] == "ai:finished"
        assert place.phone.of("ai:message")[0]["text"] == "bye"


# -- start and end


async def test_a_second_prompt_is_answered_with_the_one_that_runs(tmp_path: Path) -> None:
    async with a_place(tmp_path, [waits(10_000)]) as place:
        place.prompt("the first")
        await place.phone.until("ai:action")
        place.prompt("the second")
        error = place.phone.of("ai:error")[0]
        assert "already working in this terminal on 'the first' (turn 1)" in error["error"]
        assert "conversation" not in error


async def test_terminals_work_side_by_side_up_to_a_limit(tmp_path: Path) -> None:
    async with a_place(tmp_path, [waits(10_000)], terminals=3, limits={"assistant.conversations": 2}) as place:
        for uuid in "abc":
            place.prompt(f"in {uuid}", uuid)
        await eventually(lambda: len(place.phone.of("ai:action")) == 2)
        assert "assistant.conversations" in place.phone.of("ai:error")[0]["error"]


async def test_without_a_known_terminal_the_first_active_one_is_used(tmp_path: Path) -> None:
    async with a_place(tmp_path, [says("hi")]) as place:
        place.prompt(uuid="unknown")
        assert (await place.phone.end())[1]["uuid"] == "a"
        place.terminals.active = ()
        place.prompt(uuid="unknown")
        assert "no terminal" in (await place.phone.end(2))[1]["error"]


@pytest.mark.parametrize(
    ("wanted", "used"),
    [("b", "b"), (None, "c"), ("unknown", "c")],
    ids=["its terminal", "none", "one that is not there"],
)
async def test_a_prompt_without_a_known_terminal_uses_the_one_that_its_viewer_shows(
    tmp_path: Path, wanted: str | None, used: str
) -> None:
    async with a_place(tmp_path, [says("hi")], terminals=3) as place:
        place.phone.shown = ("gone", "c")
        place.prompt(uuid=wanted)
        assert (await place.phone.end())[1]["uuid"] == used


async def hangs(_: ModelRequest) -> Any:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("step", [[waits(10_000)], hangs], ids=["in a delay", "in a request"])
async def test_a_cancel_stops_immediately(tmp_path: Path, step: Any) -> None:
    async with a_place(tmp_path, step) as place:
        place.prompt()
        await place.phone.until("ai:started")
        await eventually(lambda: place.entry("assistant.turns").used == 1)
        place.assistant.cancel(messages.AiCancel(uuid="a"), place.phone)
        event, payload = await place.phone.end()
        assert (event, payload["outcome"], payload["turns"]) == ("ai:finished", "cancelled", 1)
        assert place.entry("assistant.conversations").total == 0


async def test_a_cancel_right_after_the_prompt_is_answered_too(tmp_path: Path) -> None:
    async with a_place(tmp_path, hangs) as place:
        place.prompt()
        place.assistant.cancel(messages.AiCancel(), place.phone)
        assert (await place.phone.end())[1]["outcome"] == "cancelled"


async def test_a_cancel_without_a_terminal_stops_all_and_with_one_only_that(tmp_path: Path) -> None:
    async with a_place(tmp_path, hangs, terminals=3) as place:
        for uuid in "abc":
            place.prompt(uuid=uuid)
        place.assistant.cancel(messages.AiCancel(uuid="b"), place.phone)
        assert (await place.phone.end())[1]["uuid"] == "b"
        place.assistant.cancel(messages.AiCancel(), place.phone)
        await place.phone.end(3)
        place.assistant.cancel(messages.AiCancel(), place.phone)
        assert "is not working in any terminal" in (await place.phone.end(4))[1]["error"]


async def test_the_end_of_the_terminal_ends_it(tmp_path: Path) -> None:
    async with a_place(tmp_path, hangs) as place:
        place.prompt()
        await place.phone.until("ai:started")
        place.assistant.terminal_closed("b")
        place.assistant.terminal_closed("a")
        event, payload = await place.phone.end()
        assert (event, payload["error"]) == ("ai:error", "the terminal in which the assistant worked was closed")


async def test_the_agent_stopping_ends_it(tmp_path: Path) -> None:
    async with a_place(tmp_path, hangs, terminals=2) as place:
        place.prompt(uuid="a")
        place.prompt(uuid="b")
        await place.phone.until("ai:started", 2)
    assert [payload["error"] for payload in place.phone.of("ai:error")] == ["the agent is stopping"] * 2


# -- approvals


@asynccontextmanager
async def at_a_prompt(state: Path, *steps: Any) -> AsyncIterator[Place]:
    """Run an assistant that asks before risky actions, with a terminal at a shell's prompt."""
    async with a_place(state, *steps, approvals=ApprovalMode.RISKY, program=echoes_at_a_prompt) as place:
        place.terminal.output("$ ")
        yield place


async def test_risky_actions_wait_for_a_person(tmp_path: Path) -> None:
    steps = [types("rm -r"), types("f build"), presses("Enter")]
    async with at_a_prompt(tmp_path, steps) as place:
        place.prompt()
        asked = await place.phone.until("ai:approval")
        assert place.terminal.texts == []
        assert [step.get("text") or step["key"] for step in asked["actions"]] == ["rm -r", "f build", "Enter"]
        assert "deletes files" in asked["actions"][0]["risk"]
        assert asked["actions"][-1]["line"] == "rm -rf build"
        place.assistant.approve(messages.AiApprove(id="1.9", ok=True), place.phone)
        assert "is waiting" in place.phone.of("ai:error")[0]["error"]
        assert place.terminal.texts == []
        place.assistant.approve(messages.AiApprove(id=asked["id"], ok=True), place.phone)
        await place.phone.until("ai:finished")
        assert place.terminal.texts == ["rm -r", "f build", "\r"]
        assert len(place.phone.of("ai:approval")) == 1


async def test_what_the_model_marks_is_risky_and_the_rest_is_not_asked(tmp_path: Path) -> None:
    asked = Asked([types("ls\n"), LOOK], [{**types("ls deploy\n"), "risky": True}])
    async with at_a_prompt(tmp_path, asked) as place:
        place.prompt()
        question = await place.phone.until("ai:approval")
        assert place.terminal.text == "ls\r"
        assert question["actions"][0]["risk"] == "the model calls this risky"


async def test_a_risky_line_typed_over_several_turns_is_found(tmp_path: Path) -> None:
    asked = Asked([types("r"), LOOK], [types("m -rf x"), LOOK], [presses("Enter"), LOOK], [says("done")])
    async with at_a_prompt(tmp_path, asked) as place:
        place.prompt()
        question = await place.phone.until("ai:approval")
        assert place.terminal.text == "rm -rf x"
        assert "deletes files" in question["actions"][0]["risk"]
        assert question["actions"][0]["line"] == "rm -rf x"
        place.assistant.approve(messages.AiApprove(id=question["id"], ok=False), place.phone)
        await place.phone.end()
        assert place.terminal.text == "rm -rf x\x03"  # a refused line does not stay at the prompt
    assert "did not allow" in asked.sent_text(3)


async def test_always_asks_and_the_model_learns_of_a_no(tmp_path: Path) -> None:
    asked = Asked([types("ls\n")], [says("I see"), waits(1)])
    async with a_place(tmp_path, asked, approvals=ApprovalMode.ALWAYS) as place:
        place.prompt()
        question = await place.phone.until("ai:approval")
        place.assistant.approve(messages.AiApprove(id=question["id"], ok=False), place.phone)
        assert (await place.phone.end())[0] == "ai:finished"
        assert place.terminal.texts == []
        assert len(place.phone.of("ai:approval")) == 1
    assert "did not allow" in asked.sent_text(1)


async def test_never_asks_nobody(tmp_path: Path) -> None:
    async with a_place(tmp_path, [{**types("rm -rf x\n"), "risky": True}]) as place:
        place.prompt()
        await place.phone.end()
        assert place.phone.of("ai:approval") == []
        assert place.terminal.text == "rm -rf x\r"


async def test_an_approval_has_a_time_limit(tmp_path: Path) -> None:
    async with a_place(tmp_path, [types("x")], approvals=ApprovalMode.ALWAYS, approval_seconds=0.05) as place:
        place.prompt()
        event, payload = await place.phone.end()
        assert (event, payload["error"]) == ("ai:error", "nobody approved the actions within 0.05 s; nothing was typed")


async def test_an_approval_of_everything_a_turn_may_type_fits_one_message(tmp_path: Path) -> None:
    steps = [{**types("\U0001f600" * 160), "risky": True} for _ in range(50)]
    async with a_place(tmp_path, steps, approvals=ApprovalMode.ALWAYS) as place:
        place.prompt()
        question = await place.phone.until("ai:approval")
        assert len(question["actions"]) == 50
        assert len(json.dumps(question, ensure_ascii=False).encode()) < 60_000


async def test_a_cancel_does_not_wait_for_the_clients_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "slow_client_for_this_test.py"
    done = tmp_path / "done"
    wait = f"while not pathlib.Path({str(done)!r}).exists():\n    time.sleep(0.01)\n"
    module.write_text(f"import pathlib, time\n{wait}imported = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(models, "_CLIENT", module.stem)
    async with a_place(tmp_path, environ={"ANTHROPIC_API_KEY": "sk-test"}) as place:
        place.prompt()
        await place.phone.until("ai:started")
        await eventually(lambda: module.stem in sys.modules)
        place.assistant.cancel(messages.AiCancel(), place.phone)
        assert (await place.phone.end())[1]["outcome"] == "cancelled"
        assert not hasattr(sys.modules[module.stem], "imported")
        done.touch()
        await eventually(lambda: hasattr(sys.modules[module.stem], "imported"))
    del sys.modules[module.stem]


async def test_without_the_package_the_error_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_CLIENT", "no_such_client_for_this_test")
    async with a_place(tmp_path, environ={"ANTHROPIC_API_KEY": "sk-test"}) as place:
        place.prompt()
        assert "needs the package anthropic" in (await place.phone.end())[1]["error"]


# -- the record


async def test_what_was_asked_for_and_typed_is_recorded_without_secrets(tmp_path: Path) -> None:
    steps = [types("export T=tok-12345\n"), presses("Enter"), says("tok-12345"), waits(1)]
    async with a_place(tmp_path, steps, environ={"A_TOKEN": "tok-12345"}) as place:
        place.prompt("use tok-12345")
        await place.phone.end()
    records = [json.loads(line) for line in (tmp_path / "assistant.log").read_text().splitlines()]
    assert [(record["event"], record["text"]) for record in records] == [
        ("prompt", "use [secret]"),
        ("asked", "text export T=[secret]\n\nkey Enter\nmessage [secret]\ndelay 1 ms"),
        ("typed", "text export T=[secret]\n"),
        ("typed", "key Enter"),
    ]
    assert {(record["terminal"], record["conversation"]) for record in records} == {("a", 1)}


async def test_what_cannot_be_recorded_is_not_typed(tmp_path: Path) -> None:
    def step(_: ModelRequest) -> Any:
        (tmp_path / "assistant.log").rename(tmp_path / "gone")
        (tmp_path / "assistant.log").mkdir()
        return [types("x")]

    async with a_place(tmp_path, step) as place:
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert "nothing was done" in payload["error"]
        assert place.terminal.texts == []


async def test_a_prompt_with_odd_characters_is_sent_without_them(tmp_path: Path) -> None:
    asked = Asked([says("ok")])
    async with a_place(tmp_path, asked) as place:
        place.assistant.prompt(messages.Prompt(prompt="a\x00b\x1b[2Jc\ud800d\ne"), place.phone)
        await place.phone.end()
    assert "a b [2Jc d\ne" in asked.sent_text()
