"""A real phone, a real agent, its own relay: from the pairing code to typed output, on both paths."""

from pathlib import Path

from tests.support.agent import serving
from tests.support.agent_status import path_in
from tests.support.connected import both_paths, connected_phone
from tests.support.phones import Kind, open_phone, phone_kinds


@phone_kinds
@both_paths
async def test_a_phone_pairs_opens_types_and_sees(tmp_path: Path, kind: Kind, channel: bool) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, channel=channel) as phone:
            assert phone.path == ("channel" if channel else "relay")
            terminal = await phone.create(cols=100, rows=30)
            await phone.type(terminal, "echo $((6*7)) $(stty size)\r")
            await phone.wait_output(terminal, "42 30 100")
            await phone.resize(terminal, 120, 40)
            await phone.type(terminal, "stty size\r")
            await phone.wait_output(terminal, "40 120")
            status = await agent.status()
            assert path_in(status) == phone.path
            assert [one["uuid"] for one in status["terminals"]] == [terminal]


@phone_kinds
@both_paths
async def test_three_tabs_outlive_the_phone_and_the_agent(tmp_path: Path, kind: Kind, channel: bool) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, channel=channel) as phone:
            tabs = [await phone.create(name=name) for name in ("one", "two", "three")]
            for tab in tabs:
                await phone.switch(tab)
                await phone.type(tab, f"cd {directory}; echo here-$((1+1))\r")
                await phone.wait_output(tab, "here-2")
            await phone.rename(tabs[1], "zwei")
            await phone.switch(tabs[1])

            await phone.leave()
            away = phone.mark()
            await phone.connect()
            await phone.pair()
            if channel:
                await phone.channel_open()
            sync = await phone.expect("processes:sync", since=away)
            assert [(one["uuid"], one["name"]) for one in sync["processes"]] == list(
                zip(tabs, ("one", "zwei", "three"), strict=True)
            )
            assert sync["activeUuids"] == [tabs[1]]
            await phone.switch(tabs[0])
            await phone.wait_output(tabs[0], "here-2")  # its screen
            await phone.switch(tabs[1])
        token = phone.token
        assert await agent.stop() == 0

    async with (
        serving(tmp_path / "state") as agent,
        open_phone(
            kind, agent.relay_url, token, device_id=phone.device_id, identity=phone.identity, webrtc=channel
        ) as p,
    ):
        await p.connect()
        await p.pair()
        if channel:
            await p.channel_open()
        sync = await p.expect("processes:sync")
        assert [(one["uuid"], one["name"]) for one in sync["processes"]] == list(
            zip(tabs, ("one", "zwei", "three"), strict=True)
        )
        assert sync["activeUuids"] == [tabs[1]]
        await p.switch(tabs[2])
        await p.type(tabs[2], "pwd\r")
        await p.wait_output(tabs[2], str(directory))
