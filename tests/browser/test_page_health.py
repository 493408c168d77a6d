"""The health sheet shows how the agent is, in the agent's own figures."""

from pathlib import Path

from tests.browser.scene import at_the_phone


async def test_the_health_sheet_shows_the_agents_figures(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        status = await here.agent.status()
        shown = await here.phone.open_health()
        assert status["version"] in shown
        assert "direct" in shown.lower()
        for name in ("terminals", "terminal.ring", "terminal.window"):
            assert name in shown
