"""A conversation belongs to its terminal: phones leave, come back, and receive its story."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mobifai.assistant.config import ApprovalMode
from mobifai.assistant.stories import INTERRUPTED, Stories
from mobifai.bounds import Ledger
from mobifai.protocol import messages
from tests.assistant.fakes import Notes
from tests.assistant.place import LOOK, a_place, says, types, waits
from tests.assistant.test_conversations import Asked


async def hangs(_: Any) -> Any:
    await asyncio.get_running_loop().create_future()


async def test_a_phone_that_leaves_ends_nothing(tmp_path: Path) -> None:
    async with a_place(tmp_path, [types("x"), waits(300), LOOK], [says("done")], follows=True) as place:
        place.prompt("do it")
        await place.phone.until("ai:action")
        place.viewers.remove(place.phone)
        place.phone.said.clear()
        await asyncio.sleep(0)
        place.greet()
        assert place.phone.said[0] == ("ai:conversations", {"running": ["a"]})
        history = place.phone.of("ai:history")[0]
        assert (history["uuid"], history["running"], history["prompt"], history["dropped"]) == ("a", True, "do it", 0)
        assert {event["type"] for event in history["events"]} == {"ai:action"}
        assert history["events"][0]["payload"]["action"]["text"] == "x"
        assert (await place.phone.end())[0] == "ai:finished"
        place.phone.said.clear()
        place.greet()
        history = place.phone.of("ai:history")[0]
        assert history["running"] is False
        assert [event["type"] for event in history["events"]][-2:] == ["ai:message", "ai:finished"]
        assert place.phone.of("ai:conversations") == [{"running": []}]


async def test_an_approval_waits_for_the_next_phone_with_the_time_that_is_left(tmp_path: Path) -> None:
    asked = Asked([types("x")], [says("no")])
    async with a_place(tmp_path, asked, approvals=ApprovalMode.ALWAYS, approval_seconds=60, follows=True) as place:
        place.prompt()
        first = await place.phone.until("ai:approval")
        place.viewers.remove(place.phone)
        place.greet()
        second = place.phone.of("ai:approval")[1]
        assert second["id"] == first["id"]
        assert 50 < second["seconds"] <= 60
        place.assistant.approve(messages.AiApprove(id=second["id"], ok=True), place.phone)
        await place.phone.end()
        assert place.phone.of("ai:answered") == [{"uuid": "a", "conversation": 1, "id": first["id"], "ok": True}]
        assert place.terminal.text == "x"


async def test_a_phone_without_the_feature_gets_only_its_own_conversation(tmp_path: Path) -> None:
    async with a_place(tmp_path, [types("x"), waits(300)], [says("done")], approvals=ApprovalMode.ALWAYS) as place:
        place.prompt()
        asked = await place.phone.until("ai:approval")
        place.assistant.approve(messages.AiApprove(id=asked["id"], ok=True), place.phone)
        await place.phone.until("ai:action")
        assert place.phone.of("ai:answered") == []
        follower = Notes(follows_assistant=True)
        place.viewers.remove(place.phone)
        place.viewers.add(follower)
        place.phone.said.clear()
        await follower.end()
        assert place.phone.said == []


async def test_a_closed_terminal_takes_its_story_along(tmp_path: Path) -> None:
    async with a_place(tmp_path, [says("done")], terminals=2, follows=True) as place:
        place.prompt(uuid="a")
        await place.phone.end()
        place.prompt(uuid="b")
        await place.phone.end(2)
        place.assistant.terminal_closed("a")
        place.phone.said.clear()
        place.greet()
        assert [history["uuid"] for history in place.phone.of("ai:history")] == ["b"]


async def test_the_next_agent_reports_a_conversation_that_the_agent_s_end_cut_short(tmp_path: Path) -> None:
    async with a_place(tmp_path, hangs, follows=True) as place:
        place.prompt("do it")
        await place.phone.until("ai:started")
    async with a_place(tmp_path, hangs, follows=True) as place:
        place.greet()
        history = place.phone.of("ai:history")[0]
        assert (history["prompt"], history["running"]) == ("do it", False)
        assert history["events"][0]["payload"]["error"] == INTERRUPTED
    async with a_place(tmp_path, hangs, follows=True) as place:
        place.greet()
        assert place.phone.of("ai:history") == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff" * 100, b"[" * 70_000])
async def test_a_damaged_file_is_no_hindrance(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "assistant.json").write_bytes(content)
    async with a_place(tmp_path, [says("done")]) as place:
        place.prompt()
        assert (await place.phone.end())[0] == "ai:finished"


def test_stories_are_bounded(tmp_path: Path) -> None:
    ledger = Ledger({"assistant.stories": 3, "assistant.story_events": 10, "assistant.story_bytes": 5_000})
    stories = Stories(tmp_path / "file", ledger)
    for number in range(6):
        stories.begin(messages.AiStarted(f"t{number}", number, "do it"))
        for step in range(8):
            stories.add(f"t{number}", "ai:message", messages.AiMessage(f"t{number}", number, "x" * 100 * step))
        stories.end(f"t{number}", interrupted=False)
    stories.add("t5", "ai:message", messages.AiMessage("t5", 5, "x" * 6_000))
    histories = stories.histories([f"t{number}" for number in range(6)])
    assert [story.uuid for story in histories] == ["t3", "t4", "t5"]
    assert histories[0].dropped == 8
    assert all(entry.peak <= entry.capacity for entry in ledger.entries())
    stories.close()
    assert all(entry.instances == 0 for entry in ledger.entries())
    assert not (tmp_path / "file").exists()
