"""The health sheet shows the agent's own figures."""

from pathlib import Path

import pytest

from tests.browser.scene import at_the_phone
from tests.support.agent_status import asked

pytestmark = pytest.mark.extended


async def test_the_health_sheet_shows_the_agents_figures(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        status = await asked(here.agent)
        shown = await here.phone.open_health()
        assert f"Version\n{status['version']}" in shown
        assert "Terminals\n1\n" in shown
        assert [one["name"] for one in status["bounds"] if one["name"] not in shown] == []
        await here.phone.close_sheet()
        assert "Direct (data channel)" in await here.phone.open_connection()
