"""The model behind Anthropic's Messages API, asked with Anthropic's own client.

It owns the client and its connections, for one conversation. The package is imported with the first question: it takes
two seconds and 70 MB. Redirects are not followed (the key would go along), replies are bounded while they arrive, and
no key but ours is looked for.
"""

import asyncio
import importlib
import re
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from mobifai.assistant import replies
from mobifai.assistant.config import KEY_VARIABLE, AssistantConfig
from mobifai.assistant.model import Answer, Notice, Question
from mobifai.bounds import Bound, Ledger
from mobifai.errors import AssistantError
from mobifai.limits import ASSISTANT_ANSWER, ASSISTANT_REPLY

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_RETRIED = (408, 409, 429)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


async def load_anthropic() -> Any:
    """The package, imported on a thread of its own so that the loop goes on meanwhile."""
    loop, imported = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        try:
            importlib.import_module("anthropic")
        finally:
            loop.call_soon_threadsafe(imported.set)

    thread = threading.Thread(target=work, name="import-anthropic", daemon=True)
    thread.start()
    try:
        await imported.wait()
    finally:
        thread.join()
    return importlib.import_module("anthropic")
