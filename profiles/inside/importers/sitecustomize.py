"""Records which line of the package `mobifai` imported each module.

Python imports a module named `sitecustomize` at its start if it is on the path. This one installs a module finder,
which Python then asks for every module that is imported. The finder records the importing line, and finds no module.

The environment variable `MOBIFAI_SIDE` names the folder that contains the package `mobifai`.
"""

import os
import sys

HOME = os.path.join(os.environ.get("MOBIFAI_SIDE", "/nowhere"), "mobifai", "")  # noqa: PTH118 - pathlib is not loaded yet

found: dict[str, tuple[str, int]] = {}
"""For each module, the file (relative to `MOBIFAI_SIDE`) and the line that imported it. Bounded by the modules."""


class Importers:
    """A module finder that only records which line imports a module. It never finds a module itself."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Record the line that imports the module `name`: the innermost line of `mobifai` on the stack. Return None."""
        frame = sys._getframe(1)
        while frame is not None and not frame.f_code.co_filename.startswith(HOME):
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None:
            file = frame.f_code.co_filename.removeprefix(HOME)
            found.setdefault(name, (f"mobifai/{file}", frame.f_lineno))


sys.meta_path.insert(0, Importers)
