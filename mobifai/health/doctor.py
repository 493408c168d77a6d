"""The checks of `mobifai doctor`, in their order and with their time limits.

They change nothing. They connect only to this machine, and to a relay that the user named.
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
    """The name of a check of `mobifai doctor`, and its result. `remedy` is empty if the result is ok."""

    name: str
    state: Severity
    found: str
    remedy: str


async def examine(subject: CheckedInstallation, checks: Sequence[DoctorCheck] = CHECKS) -> list[Finding]:
    """Run all checks concurrently, and return their findings in the order of the checks.

    An exception in a check becomes a finding.
    """
    verdicts = await asyncio.gather(*(_look(check, subject) for check in checks))
    return [
        Finding(check.name, verdict.state, verdict.found, verdict.remedy)
        for check, verdict in zip(checks, verdicts, strict=True)
    ]


def is_well(findings: Iterable[Finding]) -> bool:
    """Return whether no finding is a problem. Warnings do not count."""
    return all(finding.state is not Severity.PROBLEM for finding in findings)


async def _look(check: DoctorCheck, subject: CheckedInstallation) -> CheckResult:
    try:
        async with asyncio.timeout(check.seconds):
            return await check.look(subject)
    except TimeoutError:
        return problem(
            f"no result within {check.seconds:g} s", "run `mobifai doctor` again; if it fails again, check this by hand"
        )
    except MobiFaiError as error:
        return problem(str(error), "do what the message says, and run `mobifai doctor` again")
    except Exception as error:  # must not end the other checks
        return problem(f"the check failed: {error!r}", "check this by hand")
