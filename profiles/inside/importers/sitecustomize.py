"""Records which line of mobifai imported each module. Python imports this module at its start if it is on the path.

Python asks the module finder `Importers` for every module that is imported; it records the line and finds no module.
The environment variable `MOBIFAI_SIDE` names the folder that contains the package `mobifai`.
"""

import os
import sys

HOME = os.path.join(os.environ.get("MOBIFAI_SIDE", "/nowhere"), "mobifai", "")  # noqa: PTH118 - pathlib is not loaded yet

found: dict[str, tuple[str, int]] = {}
"""The importing file (relative to `MOBIFAI_SIDE`) and line, by module. Bounded by the modules."""


class Importers:
    """A module finder that finds no module, and only records which line imports it."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Record the line of mobifai that imports the module `name`: the innermost one on the stack."""
        frame = sys._getframe(1)
        while frame is not None and not frame.f_code.co_filename.startswith(HOME):
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None:
            file = frame.f_code.co_filename.removeprefix(HOME)
            found.setdefault(name, (f"mobifai/{file}", frame.f_lineno))


sys.meta_path.insert(0, Importers)
