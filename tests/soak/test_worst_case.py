"""The worst case of `mobifai status --limits`, compared with the memory of an agent that is as full as possible."""

import sys
from pathlib import Path

import pytest

from tests.soak.full_agent import fullest

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs 127.0.0.0/8, and PSS"),
]

MOST = 1.5
"""Largest ratio of the worst case to the measured memory. The worst case helps to choose the size of a machine."""


@pytest.mark.timeout(400)
async def test_the_worst_case_is_near_what_the_fullest_agent_takes_and_never_below(tmp_path: Path) -> None:
    async with fullest(tmp_path) as full:
        await full.load()
        empty = await full.memory()
        taken = await full.fill() - empty
        worst = (await full.target.ask("status"))["worst_case_bytes"]
    print(f"taken {taken / 1e6:.0f} MB of {worst / 1e6:.0f} MB")
    assert taken <= worst <= MOST * taken, f"{taken / 1e6:.0f} MB were taken of a worst case of {worst / 1e6:.0f} MB"
