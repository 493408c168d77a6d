"""The assistant of a running agent: from a phone, from the command line, and without a key."""

import asyncio
import json
import signal
from pathlib import Path

from tests.support.agent import mobifai, run_command, serving
from tests.support.connected import both_paths, connected_phone


def script(path: Path, *steps: object) -> str:
    path.write_text(json.dumps(steps))
    return f"scripted:{path}"


LOOK = {"type": "request_screen"}


def type_line(text: str) -> list[dict[str, object]]:
    return [{"type": "keystroke", "text": text}, {"type": "keystroke", "key": "Enter"}]


@both_paths
async def test_a_phone_asks_and_sees_the_steps(tmp_path: Path, channel: bool) -> None:
    model = script(
        tmp_path / "script.json",
        [*type_line("echo done-$((40+2))"), LOOK],
        [{"type": "message", "text": "It says done-42."}],
    )
    async with serving(tmp_path / "state", "--model", model) as agent:
        async with connected_phone(agent, channel=channel) as phone:
            terminal = await phone.create()
            await phone.send("ai:prompt", {"prompt": "say that it is done", "uuid": terminal})
            started = await phone.expect("ai:started")
            assert started["uuid"] == terminal
            await phone.wait_output(terminal, "done-42")
            said = await phone.expect("ai:message", lambda message: "done-42" in message["text"])
            assert said["uuid"] == terminal
            finished = await phone.expect("ai:finished")
            assert finished["turns"] == 2
            assert finished["tokens"] > 0


async def test_without_a_key_a_prompt_is_answered_with_a_clear_error_and_all_else_works(tmp_path: Path) -> None:
    async with serving(tmp_path / "state", environment={"ANTHROPIC_API_KEY": ""}) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.send("ai:prompt", {"prompt": "anything"})
            error = await phone.expect("ai:error")
            assert "ANTHROPIC_API_KEY" in error["error"]
            await phone.type(terminal, "echo still-$((1+1))\r")
            await phone.wait_output(terminal, "still-2")


async def test_a_phone_cancels_in_the_midst_of_a_delay(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", [{"type": "delay", "ms": 10_000}, LOOK])
    async with serving(tmp_path / "state", "--model", model) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.send("ai:prompt", {"prompt": "wait forever", "uuid": terminal})
            await phone.expect("ai:action")
            await phone.send("ai:prompt", {"prompt": "and another", "uuid": terminal})
            busy = await phone.expect("ai:error")
            assert "wait forever" in busy["error"]
            await phone.send("ai:cancel", {"uuid": terminal})
            finished = await phone.expect("ai:finished", timeout=3)
            assert finished["outcome"] == "cancelled"


async def test_a_closed_terminal_ends_its_conversation(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", [{"type": "delay", "ms": 10_000}, LOOK])
    async with serving(tmp_path / "state", "--model", model) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.send("ai:prompt", {"prompt": "wait forever", "uuid": terminal})
            await phone.expect("ai:action")
            await phone.terminate(terminal)
            error = await phone.expect("ai:error", timeout=5)
            assert "closed" in error["error"]


async def test_approvals_wait_for_the_phone(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", type_line("echo allowed-$((1+1))"))
    async with serving(tmp_path / "state", "--model", model, "--approvals", "always") as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.send("ai:prompt", {"prompt": "say allowed", "uuid": terminal})
            asked = await phone.expect("ai:approval")
            assert "allowed-2" not in phone.output(terminal)
            await phone.send("ai:approve", {"id": asked["id"], "ok": True})
            await phone.wait_output(terminal, "allowed-2")
            await phone.expect("ai:finished")


async def test_the_command_line_asks_too(tmp_path: Path) -> None:
    model = script(
        tmp_path / "script.json",
        [*type_line("echo by-$((1+1))-hands"), LOOK],
        [{"type": "message", "text": "All done."}],
    )
    async with serving(tmp_path / "state", "--model", model) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create(name="build")
            printed = await agent.command("ask", "do it", "--tab", "build")
            assert "model: All done." in printed
            assert "2 turns" in printed
            await phone.wait_output(terminal, "by-2-hands")
        status, _, err = await run_command("ask", "do it", "--tab", "no such", "--state-dir", str(agent.state_dir))
        assert status == 1
        assert "expected the name or id of one tab" in err


async def test_ctrl_c_stops_what_the_command_line_asked_for(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", [{"type": "delay", "ms": 10_000}, LOOK])
    async with serving(tmp_path / "state", "--model", model) as agent:
        async with connected_phone(agent) as phone:
            await phone.create(name="build")
            command = await asyncio.create_subprocess_exec(
                *mobifai(), "ask", "wait", "--tab", "build", "--state-dir", str(agent.state_dir),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert command.stdout is not None
            async with asyncio.timeout(20):
                while b"wait 10000 ms" not in await command.stdout.readline():
                    pass
                command.send_signal(signal.SIGINT)
                _, err = await command.communicate()
            assert command.returncode == 130
            assert b"Traceback" not in err
            again = script(tmp_path / "script.json", [{"type": "message", "text": "Free again."}])
            assert again
            assert "Free again." in await agent.command("ask", "now", "--tab", "build")
