"""Plants: deliberate leaks and decoys that the harness puts into a running agent, to test whether it finds them.

To add one, write a class in one of the modules of this package: derive it from `LeakPlant` (or `DecoyPlant`), name the
lifecycle event that it follows, leak in `on_event` on a line that ends in `# leak`, and add it to the `LEAKS` (or
`DECOYS`) of its module. `python_objects.DictBySession` is a small example. Its name for `--plant` is derived from the
class: `dict-by-session`.

`plant` has the base classes and the kinds of events, `hooks` subscribes plants to the events of a running agent or
keeper. MobiFai itself contains no plants. Importing this package loads no plant.
"""

import difflib
import functools
import importlib

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, Plant, PlantError, described

__all__ = ["LeakPlant", "LifecycleEvent", "Plant", "PlantError", "install", "plant", "plants"]

_FAMILIES = (
    "python_objects",
    "object_lifetimes",
    "registries",
    "conversations",
    "asyncio_things",
    "descriptors",
    "processes",
    "native",
    "libraries",
    "decoys",
    "keeper",
    "shell_start",
)


_KEEPER_FAMILIES = ("keeper", "shell_start")
"""Modules with plants for the keeper, which must not import the libraries that the other modules need."""


def plants() -> tuple[Plant, ...]:
    """Return the descriptions of all plants, decoys last."""
    return _plants_of(_FAMILIES)


@functools.lru_cache(maxsize=2)
def _plants_of(names: tuple[str, ...]) -> tuple[Plant, ...]:
    families = [importlib.import_module(f"{__name__}.{family}") for family in names]
    leaks = [leak for family in families for leak in getattr(family, "LEAKS", ())]
    decoys = [decoy for family in families for decoy in getattr(family, "DECOYS", ())]
    return tuple(map(_plant, [*leaks, *decoys]))


def plant(name: str) -> Plant:
    """Return the description of the plant with this name. Raises PlantError, which suggests similar names."""
    return _named(name, plants())


def _named(name: str, among: tuple[Plant, ...]) -> Plant:
    known = {one.name: one for one in among}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.4) or [*known][:5]
        raise PlantError(
            f"no plant is called {name!r}; similar names: {', '.join(near)} (`mobifai soak --list-plants` lists all)"
        )
    return known[name]


def install(name: str, subject: PluginContext) -> LeakPlant:
    """Create the plant with this name in this process, where it leaks until the process ends. Raises PlantError."""
    among = plants() if subject.keeper is None else _plants_of(_KEEPER_FAMILIES)
    return _named(name, among).install(subject)


def _plant(source: type[LeakPlant]) -> Plant:
    return described(source, functools.partial(_install, source))


def _install(source: type[LeakPlant], subject: PluginContext) -> LeakPlant:
    from soak.plants.hooks import listen  # noqa: PLC0415 - listing plants does not need it

    process = subject.keeper if source.process == "keeper" else subject.agent
    if process is None:
        found = "a keeper" if subject.keeper else "an agent" if subject.agent else "a relay without an agent"
        raise PlantError(f"{source.name} can be planted only in the process of the {source.process}; found {found}")
    plant = source(subject)
    listen(process, source.on, plant.on_event)
    return plant
