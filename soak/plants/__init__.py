"""The plants: deliberate leaks, and decoys, that the harness puts into a running agent to see whether it finds them.

They stand beside the harness and never in the agent's code: they follow its methods at run time. Importing this loads
none of them.
"""

import difflib
import functools
import importlib

from mobifai.health.extensions import Subject
from soak.plants.plant import Moment, Plant, PlantError, Seed, described

__all__ = ["Moment", "Plant", "PlantError", "Seed", "install", "plant", "plants"]

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
)


@functools.lru_cache(maxsize=1)
def plants() -> tuple[Plant, ...]:
    """All plants, the decoys last."""
    families = (importlib.import_module(f"{__name__}.{family}") for family in _FAMILIES)
    return tuple(_plant(source) for family in families for source in family.SEEDS)


def plant(name: str) -> Plant:
    """The plant of this name. Raises PlantError, with the names that come near."""
    known = {one.name: one for one in plants()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.4) or [*known][:5]
        raise PlantError(
            f"no plant is called {name!r}; there are {', '.join(near)} (all: `mobifai soak --list-plants`)"
        )
    return known[name]


def install(name: str, subject: Subject) -> Seed:
    """Plant it in the process that this runs in, for as long as that lives. Raises PlantError."""
    return plant(name).install(subject)


def _plant(source: type[Seed]) -> Plant:
    return described(source, functools.partial(_install, source))


def _install(source: type[Seed], subject: Subject) -> Seed:
    from soak.plants.hooks import listen  # noqa: PLC0415 - brings the agent, which those who list plants don't need

    if subject.agent is None:
        raise PlantError("expected an agent to plant in; found a relay alone")
    seed = source(subject)
    listen(subject.agent, source.on, seed.happened)
    return seed
