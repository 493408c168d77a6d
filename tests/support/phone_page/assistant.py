"""The assistant's panel."""

from playwright.async_api import Locator, expect

from tests.support.phone_page.part import MS, Part


class AssistantActs(Part):
    """A user's actions with the assistant, and its view."""

    @property
    def _panel(self) -> Locator:
        return self.page.get_by_role("region", name="Assistant")

    async def ask(self, prompt: str) -> None:
        """Give the assistant a task."""
        await self.page.get_by_role("toolbar", name="Keys").get_by_role("button", name="Ask the assistant").tap()
        await self._panel.get_by_role("textbox", name="Ask the assistant").fill(prompt)
        await self._panel.get_by_role("button", name="Send").tap()

    async def question_is(self, text: str) -> None:
        """Wait until the field has this text."""
        await expect(self._panel.get_by_role("textbox", name="Ask the assistant")).to_have_value(text, timeout=MS)

    async def assistant_says(self, text: str) -> None:
        """Wait until this text is in the conversation."""
        await expect(self._panel.get_by_role("log")).to_contain_text(text, timeout=MS)

    async def assistant_asks(self, text: str) -> None:
        """Wait until it asks for approval of this."""
        await expect(self._panel.get_by_role("alert")).to_contain_text(text, timeout=MS)

    async def approve(self) -> None:
        """Allow the action."""
        await self._panel.get_by_role("button", name="Allow").tap()

    async def refuse(self) -> None:
        """Refuse the action."""
        await self._panel.get_by_role("button", name="Refuse").tap()

    async def stop_assistant(self) -> None:
        """Stop the assistant."""
        await self._panel.get_by_role("button", name="Stop the assistant").tap()

    async def close_assistant(self) -> None:
        """Close the panel."""
        await self._panel.get_by_role("button", name="Close the assistant").tap()
        await expect(self._panel).to_be_hidden()
