"""Other users, shells, the log and other web pages get no keys or tokens."""

import json
import os
import stat
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, arrive, asked
from tests.support.connected import connected_phone
from tests.support.phones import open_phone

OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def readable_by_others(directory: Path) -> list[Path]:
    return [path for path in (directory, *directory.rglob("*")) if path.lstat().st_mode & OPEN_TO_OTHERS]


def secrets_of(agent: RunningAgent) -> set[str]:
    """Return the agent's keys and tokens."""
    sealing = json.loads((agent.state_dir / "e2e.json").read_text())
    device = json.loads((agent.state_dir / "device.json").read_text())
    tokens = agent.state_dir / "tokens.json"
    return {
        device["private_key"],
        sealing["private_key"],
        *(json.loads(tokens.read_text()).values() if tokens.exists() else ()),
    }


async def test_nobody_else_may_read_the_state_directory(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with serving(tmp_path / "state") as agent:
            async with connected_phone(agent) as phone:
                await answers(phone, await phone.create())
                assert readable_by_others(agent.state_dir) == []
            assert await agent.stop() == 0
            assert readable_by_others(agent.state_dir) == []
    finally:
        os.umask(before)


@pytest.mark.parametrize("options", [(), ("--no-keeper",)], ids=["keeper", "no keeper"])
async def test_a_shell_s_environment_and_descriptors_hold_nothing_of_the_agent(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    environment = {
        "MOBIFAI_NAME": "secret name",
        "ANTHROPIC_API_KEY": "sk-secret",
        "AWS_SECRET_ACCESS_KEY": "aws-secret",
    }
    async with serving(tmp_path / "state", *options, environment=environment) as agent:
        token = (await agent.invite_legacy())["token"]
        async with open_phone("python", agent.relay_url, token) as phone:
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "env; ls -l /proc/$$/fd; echo $TERM.$COLORTERM.$((6*7))\r")
            shown = await phone.wait_output(terminal, "xterm-256color.truecolor.42")
            assert "HOME=" in shown
            for forbidden in ("MOBIFAI", "secret", "PYTHONPATH", "socket:", str(tmp_path), *secrets_of(agent), token):
                assert forbidden not in shown


async def test_the_log_holds_no_secret(tmp_path: Path) -> None:
    async with serving(tmp_path / "state", "--log-level", "debug") as agent:
        invitation = await agent.invite_legacy()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "echo hunter-$((1+1))\r")
            await phone.wait_output(terminal, "hunter-2")
            used = phone.token
        logs = agent.log.read_text() + "".join(
            path.read_text() for path in agent.state_dir.rglob("*.log*") if path.is_file()
        )
        for secret in (invitation["token"], invitation["code"], used, "hunter-2", *secrets_of(agent)):
            assert secret not in logs


HTTP = [
    "/health",
    "/",
    "/login?deviceId=x&type=mobile",
    "/api/me",
    "/api/settings",
    "/api/devices",
    "/socket.io/?EIO=4&transport=websocket",
]


async def test_only_this_machine_is_listened_to_unless_asked(tmp_path: Path) -> None:
    async with serving(tmp_path / "state", "--metrics", "0") as agent:
        process = psutil.Process((await asked(agent))["agent_pid"])
        listening = {one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}


async def test_web_pages_elsewhere_get_nothing_from_the_relay(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, aiohttp.ClientSession() as session:
        token = (await agent.invite_legacy())["token"]
        foreign = [
            {"Host": "evil.example"},
            {"Host": "evil.example:80"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ]
        for path in HTTP:
            for headers in foreign:
                sent = {**headers, "Authorization": f"Bearer {token}"}
                async with session.get(agent.relay_url + path, headers=sent) as answer:
                    is_public_page = path == "/" and "Origin" in headers  # without CORS, no other page can read it
                    assert answer.status == (200 if is_public_page else 403), (path, headers)
                    assert "Access-Control-Allow-Origin" not in answer.headers
        async with session.get(f"{agent.relay_url}/health") as answer:
            assert (await answer.json())["status"] == "ok"
        for path in ("/api/me", "/api/settings", "/api/devices"):
            async with session.get(agent.relay_url + path) as answer:
                assert answer.status == 401
