"""The plants: deliberate leaks, and decoys, that the harness puts into a running agent to see whether it finds them.

They stand beside the harness and never in the agent's code: they follow its methods at run time. Importing this loads
none of them.
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
    "keeper",
    "shell_start",
    "decoys",
)


_KEEPER_FAMILIES = ("keeper", "shell_start")
"""Those of the keeper. It imports no others: they bring the agent's libraries."""


def plants() -> tuple[Plant, ...]:
    """All plants, the decoys last."""
    return _plants_of(_FAMILIES)


@functools.lru_cache(maxsize=2)
def _plants_of(names: tuple[str, ...]) -> tuple[Plant, ...]:
    families = [importlib.import_module(f"{__name__}.{family}") for family in names]
    found = [(family.SEEDS, getattr(family, "DECOYS", ())) for family in families]
    sources = [*(seed for seeds, _ in found for seed in seeds), *(decoy for _, decoys in found for decoy in decoys)]
    return tuple(sorted(map(_plant, sources), key=lambda one: one.decoy))


def plant(name: str) -> Plant:
    """The plant of this name. Raises PlantError, with the names that come near."""
    return _named(name, plants())


def _named(name: str, among: tuple[Plant, ...]) -> Plant:
    known = {one.name: one for one in among}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.4) or [*known][:5]
        raise PlantError(
            f"no plant is called {name!r}; there are {', '.join(near)} (all: `mobifai soak --list-plants`)"
        )
    return known[name]


def install(name: str, subject: PluginContext) -> LeakPlant:
    """Plant it in the process that this runs in, for as long as that lives. Raises PlantError."""
    among = plants() if subject.keeper is None else _plants_of(_KEEPER_FAMILIES)
    return _named(name, among).install(subject)


def _plant(source: type[LeakPlant]) -> Plant:
    return described(source, functools.partial(_install, source))


def _install(source: type[LeakPlant], subject: PluginContext) -> LeakPlant:
    from soak.plants.hooks import listen  # noqa: PLC0415 - those who list plants don't need it

    process = subject.keeper if source.process == "keeper" else subject.agent
    if process is None:
        found = "a keeper" if subject.keeper else "an agent" if subject.agent else "a relay alone"
        raise PlantError(f"expected the {source.process}'s process to plant in; found {found}")
    seed = source(subject)
    listen(process, source.on, seed.happened)
    return seed
