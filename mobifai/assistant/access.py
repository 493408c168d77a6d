"""Access to the assistant, which is imported and created on first use, because many agents never need it.

Owns the assistant once it is created.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from mobifai.assistant.config import AssistantConfig
from mobifai.assistant.events import ConversationStarted
from mobifai.assistant.viewers import AssistantViewer, Viewers
from mobifai.bounds import Ledger
from mobifai.errors import AssistantError
from mobifai.protocol import messages
from mobifai.state import StateDir
from mobifai.terminals.tabs import Tabs

if TYPE_CHECKING:
    from mobifai.assistant.control_handlers import AssistantControl
    from mobifai.assistant.service import Assistant

_log = logging.getLogger(__name__)


class AssistantAccess:
    """Passes requests and events to the assistant, which it creates on first use."""

    def __init__(
        self,
        config: AssistantConfig,
        state: StateDir,
        ledger: Ledger,
        tabs: Tabs,
        publish: Callable[[ConversationStarted], None],
    ) -> None:
        self._publish = publish
        self._config = config
        self._state = state
        self._ledger = ledger
        self._tabs = tabs
        self._viewers = Viewers()
        self._assistant: Assistant | None = None

    def get(self) -> "Assistant":
        """Return the assistant, which the first call creates. Raises AssistantError if it can't be loaded."""
        if self._assistant is None:
            try:
                from mobifai.assistant.service import Assistant  # noqa: PLC0415 - see above
            except ImportError as error:
                raise AssistantError(f"the assistant can't be loaded now: {error}") from None
            self._assistant = Assistant(
                self._config, self._state.path, self._ledger, self._tabs, self._viewers, self._publish
            )
        return self._assistant

    def control(self) -> "AssistantControl":
        """Return the assistant's handlers for the control socket.

        Raises AssistantError if the assistant can't be loaded.
        """
        assistant = self.get()
        from mobifai.assistant.control_handlers import AssistantControl  # noqa: PLC0415 - as the assistant itself

        return AssistantControl(assistant, self._ledger)

    @property
    def is_busy(self) -> bool:
        """Whether the assistant has a running conversation in any terminal."""
        return self._assistant is not None and self._assistant.busy

    async def close(self) -> None:
        """End all conversations with the model, and close the assistant."""
        if self._assistant is not None:
            await self._assistant.close()

    # -- requests of viewers

    def handlers(self, viewer: AssistantViewer) -> messages.AssistantHandlers:
        """Return the handlers of a viewer's messages to the assistant, by event."""
        return {
            "ai:prompt": lambda message: self.prompt(message, viewer),
            "ai:cancel": lambda message: self.cancel(message, viewer),
            "ai:approve": lambda message: self.approve(message, viewer),
        }

    def prompt(self, message: messages.Prompt, viewer: AssistantViewer) -> None:
        """Start the conversation that a viewer requests. Raises AssistantError if the assistant can't be loaded."""
        self.get().prompt(message, viewer)

    def cancel(self, message: messages.AiCancel, viewer: AssistantViewer) -> None:
        """End the conversation in the terminal that the message names, or all conversations if it names none.

        Raises AssistantError if the assistant can't be loaded.
        """
        self.get().cancel(message, viewer)

    def approve(self, message: messages.AiApprove, viewer: AssistantViewer) -> None:
        """Pass the user's answer to an approval to the assistant.

        Raises AssistantError if the assistant can't be loaded.
        """
        self.get().approve(message, viewer)

    # -- events of viewers and terminals

    def add_viewer(self, viewer: AssistantViewer) -> None:
        """Begin to send the assistant's events to a viewer.

        If the viewer has the feature `assistant`, first send it the ids of the terminals with running conversations,
        the stored histories, and the pending approvals.
        """
        self._viewers.add(viewer)
        if not viewer.follows_assistant:
            return
        try:
            if self._assistant is not None or self._state.assistant.exists():
                self.get().greet(viewer)
            else:
                viewer.send("ai:conversations", messages.AiConversations(()))
        except AssistantError as error:
            _log.warning("the assistant's conversations can't be sent to the phone: %s", error)

    def remove_viewer(self, viewer: AssistantViewer) -> None:
        """Stop sending the assistant's events to a viewer. The conversations that the viewer requested continue."""
        self._viewers.remove(viewer)

    def terminal_closed(self, uuid: str) -> None:
        """End the assistant's conversation in a terminal that was closed."""
        if self._assistant is not None:
            self._assistant.terminal_closed(uuid)
