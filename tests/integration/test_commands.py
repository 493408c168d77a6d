"""Every command, with a running agent, without one, and with invalid arguments. None prints a traceback."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from soak.phone.event_log import PhoneError
from tests.integration.relays import relaying
from tests.support.agent import mobifai, run_command, serving
from tests.support.agent_status import answers, arrive, on_path
from tests.support.connected import connected_phone
from tests.support.phones import Kind, open_phone, phone_kinds


async def refused(*words: str, status: int = 1) -> str:
    """Run a command that must fail. Return its message, which has a few lines and no traceback."""
    code, out, err = await run_command(*words)
    assert code == status, f"{words}: status {code}: {out}{err}"
    assert "Traceback" not in out + err
    assert "internal error" not in err
    assert err.strip(), f"{words} fails without a word"
    assert len(err) < 2000
    return err


async def test_commands_without_an_agent_say_what_to_start(tmp_path: Path) -> None:
    state = ("--state-dir", str(tmp_path / "state"))
    for words in (
        ["pair"],
        ["pair", "--json"],
        ["status"],
        ["devices", "list"],
        ["devices", "revoke", "x"],
        ["restart"],
    ):
        said = await refused(*words, *state)
        assert "no mobifai is running" in said
        assert "mobifai serve" in said
    assert not (tmp_path / "state").exists()  # the command creates nothing


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sreve"], "sreve"),
        (["serve", "--prot", "1"], "--prot"),
        (["serve", "--port", "65536"], "65536"),
        (["serve", "--port", "http"], "http"),
        (["serve", "--log-level", "loud"], "loud"),
        (["serve", "--restart-daily", "25:00"], "25:00"),
        (["devices", "revoke"], "DEVICE_ID"),
        (["pair", "extra"], "extra"),
    ],
)
async def test_a_command_line_that_makes_no_sense_is_refused_with_the_word_that_does_not(
    words: list[str], expected: str
) -> None:
    assert expected in await refused(*words, status=2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--relay", "ftp://host"], "ftp://host"),
        (["--relay", "http://"], "http://"),
        (["--relay", "http://host:port"], "host:port"),
        (["--relay", "http://127.0.0.1:1", "--lan"], "--relay"),
        (["--relay", "http://127.0.0.1:1", "--port", "0"], "--relay"),
        (["--shell", "/no/such/shell"], "/no/such/shell"),
        (["--shell", "'"], "--shell"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
        (["--ice-server", "gopher:hole"], "gopher:hole"),
        (["--relay", "http://127.0.0.1:1", "--ice-server", "stun:"], "stun:"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
async def test_an_option_that_can_not_be_used_is_explained(tmp_path: Path, options: list[str], expected: str) -> None:
    own = [] if {"--relay"} & set(options) else ["--port", "0"]
    assert expected in await refused("serve", "--state-dir", str(tmp_path / "state"), *own, *options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "found none"),
        ("port = ", "TOML"),
        ("\x00", "TOML"),
        ("prot = 1", "prot"),
        ("port = 'x'", "port"),
        ("port = true", "port"),
        ("port = 70000", "70000"),
        ("log_level = 'loud'", "loud"),
        ("limits = 3", "limits"),
        ("[limits]\nterminals = 0", "terminals"),
        ("[limits]\nterminals = 'many'", "terminals"),
        ("[limits]\nno.such.limit = 1", "no.such.limit"),
        ("ice_server = [1]", "--ice-server"),
        ("shell = '/no/such/shell'", "/no/such/shell"),
    ],
)
async def test_a_settings_file_that_makes_no_sense_is_refused_with_its_place(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text)
    code, out, err = await run_command(
        "--config",
        str(file),
        "serve",
        "--state-dir",
        str(tmp_path / "state"),
        *(["--port", "0"] if text != "port = 70000" else []),
    )
    assert code in (1, 2)
    assert expected in err
    assert "Traceback" not in out + err
    assert "internal error" not in err


@pytest.mark.parametrize("words", [["status"], ["soak", "--list"], ["profile", "gate", "--help"], ["soak", "--help"]])
async def test_an_invalid_settings_file_is_wrong_usage_and_no_finding(tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text("prot = 5")
    assert "prot" in await refused("--config", str(file), *words, status=2)


async def test_settings_in_the_file_count_unless_an_option_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("name = 'from the file'\n[limits]\nterminals = 2\n")
    async with serving(tmp_path / "state", environment={"MOBIFAI_CONFIG": str(file)}) as agent:
        token = (await agent.invite_legacy())["token"]
        async with open_phone("python", agent.relay_url, token) as phone:
            await phone.connect()
            await phone.until(lambda: bool(phone.devices), "an agent on offer")
            assert phone.devices[0]["deviceName"] == "from the file"
            await phone.pair()
            await phone.create()
            await phone.create()
            mark = phone.mark()
            await phone.send("process:create", {"uuid": "third"})
            assert "terminals" in (await phone.expect("process:error", since=mark))["error"]


async def test_a_phone_s_way_in_is_shown_for_people_and_for_programs(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = json.loads(await agent.command("pair", "--json"))
        assert invitation.keys() == {"relay_url", "page_url", "device_id", "token", "code", "expires_at", "link"}
        assert invitation["device_id"] == agent.device_id
        assert f"#1.{invitation['code']}." in invitation["link"]
        shown = await agent.command("pair")
        assert f"{invitation['page_url']}#1." in shown
        assert not re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", shown)
        assert invitation["code"] not in shown  # each has its own code
        for words in (["status"], ["devices", "list"]):
            assert await agent.command(*words)
        listed = json.loads(await agent.command("devices", "list", "--json"))["devices"]
        assert [(one["deviceId"], one["type"]) for one in listed] == [(agent.device_id, "mac")]


async def test_a_legacy_app_is_invited_by_name_with_a_code_and_a_warning(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = json.loads(await agent.command("pair", "--legacy", "--json"))
        assert invitation.keys() == {"relay_url", "page_url", "device_id", "token", "code", "expires_at", "link"}
        assert invitation["link"] is None
        shown = await agent.command("pair", "--legacy")
        assert re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", shown)
        assert agent.relay_url in shown
        assert "does not encrypt" in shown
        assert "#1." not in shown


async def test_a_device_that_can_not_be_revoked_is_no_reason_to_fall_over(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        state = ("--state-dir", str(agent.state_dir))
        for stranger in ("no-such-device", "../../health", ""):
            assert "devices list" in await refused("devices", "revoke", stranger, *state)
        assert "the agent's own" in await refused("devices", "revoke", agent.device_id, *state)


@phone_kinds
async def test_a_revoked_phone_is_disconnected_immediately_on_both_paths(tmp_path: Path, kind: Kind) -> None:
    async with serving(tmp_path / "state") as agent:
        tokens = [(await agent.invite_legacy())["token"] for _ in range(2)]
        async with (
            open_phone(kind, agent.relay_url, tokens[0], name="lost phone") as lost,
            open_phone(kind, agent.relay_url, tokens[1], name="other phone") as other,
        ):
            await other.connect()
            await arrive(lost, agent.device_id)
            terminal = await lost.create()
            await answers(lost, terminal)
            await on_path(agent, "channel", lost)
            listed = {
                one["deviceId"]: one for one in json.loads(await agent.command("devices", "list", "--json"))["devices"]
            }
            assert listed[lost.device_id]["connected"]
            assert "Revoked" in await agent.command("devices", "revoke", lost.device_id)
            await lost.until(lambda: not lost.channel_is_open and not lost.relay_is_up, "to be cut off", 5)
            await on_path(agent, None)
            assert lost.device_id not in await agent.command("devices", "list")
            with pytest.raises(PhoneError, match="login_required"):
                await lost.connect()
            await arrive(other, agent.device_id)
            await answers(other, terminal)  # which kept running


async def test_a_revoked_phone_on_the_channel_alone_is_cut_off_too(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            await on_path(agent, "channel", phone)
            await phone.drop_relay()
            await agent.command("devices", "revoke", phone.device_id)
            await phone.until(lambda: not phone.channel_is_open, "the channel to be cut", 5)
            await on_path(agent, None)


async def test_a_relay_alone_answers_commands_too(tmp_path: Path) -> None:
    async with relaying(tmp_path / "relay") as relay:
        state = ("--state-dir", str(relay.state_dir))
        for words in (["pair"], ["pair", "--json"], ["devices", "list"], ["status"], ["status", "--json"]):
            code, out, err = await run_command(*words, *state)
            assert (code, err) == (0, "")
            assert out
        assert "devices list" in await refused("devices", "revoke", "no-such-device", *state)
        await refused("restart", *state)
        assert await relay.stop() == 0


async def test_output_that_nobody_reads_is_no_accident() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = await asyncio.create_subprocess_exec(
            *mobifai(), "--help", stdout=writer, stderr=asyncio.subprocess.PIPE
        )
    finally:
        os.close(writer)
    _, err = await process.communicate()
    assert err == b""
