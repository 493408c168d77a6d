"""Offers and answers that cross: candidates before the answer, an answer that is late, pairings in quick succession."""

from pathlib import Path

import pytest

from soak.phone.event_log import Json
from soak.phone.phone import Phone
from tests.support.agent import serving
from tests.support.agent_status import answers, arrive, holdings, nothing_went_wrong, on_path, pair_again, same_holdings
from tests.support.connected import connected_phone
from tests.support.phones import Kind, phone_kinds

pytestmark = pytest.mark.extended


class LatePhone(Phone):
    """A phone that delays its first answer until just before the second one."""

    held: Json = None

    async def _to_relay(self, event: str, payload: Json) -> None:
        if event == "webrtc:answer" and self.held is None:
            self.held = payload
            self._changes.notify()
            return
        if event == "webrtc:answer":
            await super()._to_relay(event, self.held)
        await super()._to_relay(event, payload)


async def test_an_answer_that_comes_after_the_next_offer_is_not_taken_for_its_answer(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with LatePhone(agent.relay_url, token, name="late phone", keep_output=True) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.until(lambda: phone.held is not None, "the first answer to be made")
            await phone.pair(agent.device_id)
            await phone.channel_open(timeout=10)
            await on_path(agent, "channel", phone)
            await answers(phone, await phone.create(), "channel")
            assert (await holdings(agent)).udp_sockets == 1


class BarePhone(Phone):
    """A phone whose answers have no candidates. It sends them before, one by one."""

    async def _to_relay(self, event: str, payload: Json) -> None:
        if event == "webrtc:answer":
            lines = payload["answer"]["sdp"].splitlines(keepends=True)
            bare = "".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates")))
            payload = {"answer": {**payload["answer"], "sdp": bare}}
        await super()._to_relay(event, payload)


async def test_candidates_before_the_answer_are_kept_for_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with BarePhone(agent.relay_url, token, name="bare phone", keep_output=True) as phone:
            await arrive(phone, agent.device_id)
            await answers(phone, await phone.create(), "channel")


@phone_kinds
async def test_a_phone_that_pairs_again_and_again_ends_with_one_channel(tmp_path: Path, kind: Kind) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind) as phone:
            terminal = await phone.create()
            before = await holdings(agent)
            for _ in range(3):
                await phone.pair(agent.device_id)
            await pair_again(agent, phone)
            await answers(phone, terminal, "channel")
            await same_holdings(agent, before)
            nothing_went_wrong(agent)
