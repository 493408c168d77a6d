"""The doctor: looks at an installation from all sides, and says for each what it found and what to do.

It owns the order and the time limits. It repairs nothing, and speaks to nobody but this machine and a relay that the
person named.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mobifai.errors import MobiFaiError
from mobifai.health.checks import machine, programs, relays, shell, storage
from mobifai.health.checks.check import CheckedInstallation, CheckResult, DoctorCheck, Severity, in_thread, problem

CHECKS = (
    DoctorCheck("versions", in_thread(programs.versions)),
    DoctorCheck("native libraries", programs.natives(), 60),
    DoctorCheck("phone page", in_thread(programs.phone_page)),
    DoctorCheck("shell", shell.shell, 15),
    DoctorCheck("descriptors", in_thread(machine.descriptors)),
    DoctorCheck("terminals", in_thread(machine.terminals), 10),
    DoctorCheck("port", machine.port, 10),
    DoctorCheck("udp", in_thread(machine.udp)),
    DoctorCheck("clock", in_thread(machine.clock)),
    DoctorCheck("state directory", in_thread(storage.state_directory)),
    DoctorCheck("control socket", in_thread(storage.control_socket)),
    DoctorCheck("disk", in_thread(storage.disk)),
    DoctorCheck("databases", in_thread(storage.databases), storage.DATABASE_SECONDS + 5),
    DoctorCheck("agent", relays.agent, 20),
    DoctorCheck("relay", relays.relay, 20),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its name. `remedy` is empty when it is ok."""

    name: str
    state: Severity
    found: str
    remedy: str


async def examine(subject: CheckedInstallation, checks: Sequence[DoctorCheck] = CHECKS) -> list[Finding]:
    """Run all checks concurrently; findings are in the checks' order. Errors of a check become findings."""
    verdicts = await asyncio.gather(*(_look(check, subject) for check in checks))
    return [
        Finding(check.name, verdict.state, verdict.found, verdict.remedy)
        for check, verdict in zip(checks, verdicts, strict=True)
    ]


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether there is no problem."""
    return all(finding.state is not Severity.PROBLEM for finding in findings)


async def _look(check: DoctorCheck, subject: CheckedInstallation) -> CheckResult:
    try:
        async with asyncio.timeout(check.seconds):
            return await check.look(subject)
    except TimeoutError:
        return problem(f"no answer within {check.seconds:g} s", "try again; if it stays so, look there by hand")
    except MobiFaiError as error:
        return problem(str(error), "do what it says, and look again")
    except Exception as error:  # a check that fails is a finding, and no end of the others
        return problem(f"could not be looked at: {error!r}", "look there by hand")
