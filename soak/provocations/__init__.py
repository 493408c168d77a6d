"""Provocations: each fills limits that ordinary use does not fill.

To add one, write a function that takes a `ProvocationEnvironment`, and describe it with `provocation(...)` in the
`PROVOCATIONS` of a module of this package, with the limits that it fills.
"""

from soak.provocations.provocation import Provocation


def provocations() -> tuple[Provocation, ...]:
    """Return all provocations, in the order in which they run."""
    from soak.provocations import assistant, commands, one_process, phones, relay_storms, shared_relay  # noqa: PLC0415

    modules = (commands, relay_storms, phones, assistant, one_process, shared_relay)
    return tuple(one for module in modules for one in module.PROVOCATIONS)
