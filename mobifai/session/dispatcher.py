"""What phones reply: decoded, done, and answered with what is wrong when it can't be done."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from mobifai.errors import BadMessage, MobiFaiError, TerminalError
from mobifai.limits import MAX_ID
from mobifai.protocol import messages
from mobifai.protocol.frames import decode_frame

_log = logging.getLogger(__name__)

Reply = Callable[[str, object], None]


class MessageDispatcher:
    """Hands each message to who does it. `handlers` may raise any MobiFaiError or OSError; `say` answers the phone."""

    def __init__(self, handlers: Mapping[str, Callable[[Any], None]], reply: Reply) -> None:
        self._handlers = handlers
        self._reply = reply

    def dispatch_frame(self, text: str) -> None:
        """A frame from the data channel."""
        try:
            event, payload = decode_frame(text)
        except BadMessage as error:
            self._complain(error)
            return
        self.dispatch(event, payload)

    def dispatch(self, event: str, payload: object) -> None:
        """A message, by whichever path."""
        try:
            if event.startswith("code:"):
                action = event.removeprefix("code:")[:MAX_ID]
                self._reply("code:error", {"action": action, "error": "this agent has no editor"})
                return
            message = messages.decode(messages.FROM_PHONE, event, payload)
            self._handlers[event](message)
        except (MobiFaiError, OSError) as error:
            self._complain(error)
        except Exception:
            _log.exception("a message of the phone could not be handled: %s", event[:MAX_ID])
            self._complain(MobiFaiError("the agent could not do this because of a fault of its own; see its log"))

    def _complain(self, error: MobiFaiError | OSError) -> None:
        _log.debug("refused: %s", error)
        uuid = error.uuid if isinstance(error, TerminalError) else ""
        self._reply("process:error", messages.ProcessError(uuid=uuid, error=str(error)))
