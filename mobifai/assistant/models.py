"""Opens the client of the model that the settings name."""

import asyncio
import contextlib
import importlib
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mobifai.assistant.config import SCRIPTED, AssistantConfig, read_key
from mobifai.assistant.model import ModelClient
from mobifai.assistant.scripted_model import ScriptedModel
from mobifai.bounds import Ledger
from mobifai.errors import AssistantError

_CLIENT = "mobifai.assistant.anthropic_model"


@asynccontextmanager
async def open_model(config: AssistantConfig, environ: Mapping[str, str], ledger: Ledger) -> AsyncIterator[ModelClient]:
    """Open the client of the model for one conversation within this scope. Raises AssistantError."""
    if config.model.startswith(SCRIPTED):
        yield ScriptedModel.from_file(Path(config.model.removeprefix(SCRIPTED)))
        return
    key = read_key(environ, config.key_file)
    module = await _load(_CLIENT)
    async with module.AnthropicModel(config, key, ledger) as model:
        yield model


async def _load(name: str) -> Any:
    """Import a module in a separate thread, so that the event loop does not block. Raises AssistantError.

    An import can't be stopped: if this coroutine is cancelled, the import still runs to its end.
    """
    loop, imported = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        with contextlib.suppress(ImportError):  # the import below raises it again, where it is reported
            importlib.import_module(name)
        with contextlib.suppress(RuntimeError):  # the loop may be closed by then
            loop.call_soon_threadsafe(imported.set)

    threading.Thread(target=work, name="import-model", daemon=True).start()
    await imported.wait()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AssistantError(f"the assistant needs the package anthropic: {error}; reinstall mobifai") from None
