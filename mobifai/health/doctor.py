"""The doctor: looks at an installation from all sides, and says for each what it found and what to do.

It owns the order and the time limits. It repairs nothing, and speaks to nobody but this machine and a relay that the
person named.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mobifai.errors import MobiFaiError
from mobifai.health.checks import machine, places, programs, relays, shell
from mobifai.health.checks.finding import Check, State, Subject, Verdict, in_thread, problem

CHECKS = (
    Check("versions", in_thread(programs.versions)),
    Check("native libraries", programs.natives(), 60),
    Check("phone page", in_thread(programs.phone_page)),
    Check("shell", shell.shell, 15),
    Check("descriptors", in_thread(machine.descriptors)),
    Check("terminals", in_thread(machine.terminals), 10),
    Check("port", machine.port, 10),
    Check("udp", in_thread(machine.udp)),
    Check("clock", in_thread(machine.clock)),
    Check("state directory", in_thread(places.state_directory)),
    Check("control socket", in_thread(places.control_socket)),
    Check("disk", in_thread(places.disk)),
    Check("databases", in_thread(places.databases), places.DATABASE_SECONDS + 5),
    Check("agent", relays.agent, 20),
    Check("relay", relays.relay, 20),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its name. `remedy` is empty when it is ok."""

    name: str
    state: State
    found: str
    remedy: str


async def examine(subject: Subject, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Look at everything at once; the findings come in the checks' order. Never raises for what a check does."""
    verdicts = await asyncio.gather(*(_look(check, subject) for check in checks))
    return [
        Finding(check.name, verdict.state, verdict.found, verdict.remedy)
        for check, verdict in zip(checks, verdicts, strict=True)
    ]


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether there is no problem."""
    return all(finding.state is not State.PROBLEM for finding in findings)


async def _look(check: Check, subject: Subject) -> Verdict:
    try:
        async with asyncio.timeout(check.seconds):
            return await check.look(subject)
    except TimeoutError:
        return problem(f"no answer within {check.seconds:g} s", "try again; if it stays so, look there by hand")
    except MobiFaiError as error:
        return problem(str(error), "do what it says, and look again")
    except Exception as error:  # a check that fails is a finding, and no end of the others
        return problem(f"could not be looked at: {error!r}", "look there by hand")
