"""The dose test: finds the actions of a phone (primitives) that cause a culprit's growth.

A fresh agent gets one, two and four doses of each primitive in turn. A dose is a fixed number of actions. A leak grows
in proportion to the primitive that causes it; a cache that fills, or memory that grows with time, does not.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from profiles.attribution.frames import responsible_frame
from profiles.attribution.source import function
from profiles.evidence import stack_of
from profiles.progress import ProgressCallback
from profiles.results import Culprit, DoseResult
from soak import shell
from soak.duration import number_text
from soak.gauges.gauge import AGENT, GaugeKind, gauge_of
from soak.gauges.quiescence import at_rest, everybody_gone
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.harness.installation import HERE, Installation
from soak.run.plan import REST_SECONDS, SoakPlan
from soak.run.scenario_run import GONE_SECONDS
from soak.scenarios import conversations, mixed, reconnects, terminals
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.terminal_checks import CheckedTabs

DOSES: Final = (1, 2, 4)
PORTION: Final = 5
"""Number of actions in one dose. A leak in every fifth action shows in the first dose."""
REHEARSAL: Final = 12
"""Number of actions of each kind that warm up the agent before the first count."""
SLACK: Final = 2.0
"""Allowed error of each measured growth. A dose may also use other primitives once, such as connecting a phone."""
TOLERANCE: Final = 0.35
LEAST: Final = 0.15
"""Fewest objects per action that count as growth."""


class Primitives:
    """The actions of a phone that may cause a leak. Each method performs one action the given number of times."""

    def __init__(self, context: ScenarioContext, scenario: mixed.Mixed) -> None:
        self._world = context
        self._desk = CheckedTabs(context)
        self._script = scenario.script

    async def connect(self, times: int) -> None:
        """Connect and disconnect a phone, `times` times."""
        for _ in range(times):
            phone = await reconnects.arrive(self._desk)
            await reconnects.depart(self._desk, phone)

    async def terminal(self, times: int) -> None:
        """Open, use and close a terminal, `times` times, with one phone."""
        phone = await reconnects.arrive(self._desk)
        for _ in range(times):
            uuid = await self._desk.open(phone)
            await self._desk.run(phone, uuid, shell.say("one"))
            await self._desk.leave(phone, uuid)
        await reconnects.depart(self._desk, phone)

    async def prompt(self, times: int) -> None:
        """Send a prompt to the assistant and wait for its answer, `times` times, in one terminal."""
        phone = await reconnects.arrive(self._desk)
        uuid = await self._desk.open(phone)
        for _ in range(times):
            await conversations.short(self._desk, self._script, uuid)
        await self._desk.leave(phone, uuid)
        await reconnects.depart(self._desk, phone)

    async def refusal(self, times: int) -> None:
        """Type into a terminal that does not exist and wait for the agent's error message, `times` times."""
        phone = await reconnects.arrive(self._desk)
        gone = visits.device_id(1000)
        for _ in range(times):
            await phone.type(gone, "nobody hears this")
            await terminals.expect_error(phone, gone)
        await reconnects.depart(self._desk, phone)

    def all(self) -> Mapping[str, Callable[[int], Awaitable[None]]]:
        """Return the primitives by name. Each is a function that gets the number of times to perform the action."""
        return {"connect": self.connect, "terminal": self.terminal, "prompt": self.prompt, "refusal": self.refusal}


class DoseTest:
    """Gives an agent the doses of each primitive in turn, and measures after each dose what the culprits keep."""

    def __init__(
        self, target: AgentUnderTest, primitives: Primitives, report_progress: ProgressCallback, process: str = AGENT
    ) -> None:
        self._target = target
        self._process = process
        self._primitives = primitives
        self._report_progress = report_progress
        self._given: list[str] = []  # bounded: three for each primitive
        self._values: list[Mapping[str, float]] = []

    async def run(self, culprits: Sequence[Culprit]) -> list[Culprit]:
        """Give all doses, and return copies of the culprits that have the results (`scales`, `scales_with`).

        Raises PhoneError, StateError.
        """
        for give in self._primitives.all().values():
            await give(REHEARSAL)
        await self._target.ask_in(self._process, "profile.begin")
        for give in self._primitives.all().values():
            await give(2)
        await self._window()
        for name, give in self._primitives.all().items():
            for dose in DOSES:
                self._report_progress(f"dose test: {dose} x {PORTION} times `{name}`")
                await give(dose * PORTION)
                self._given.append(name)
                await self._window()
        histories = await self._target.ask_in(self._process, "profile.histories")
        await self._target.ask_in(self._process, "profile.end")
        return [self._dosed(one, histories["sites"]) for one in culprits]

    async def _window(self) -> None:
        await everybody_gone(lambda: self._target.ask("status"), GONE_SECONDS)
        values, _ = await at_rest(self._target.values, None, REST_SECONDS)
        self._values.append(values)
        await self._target.ask_in(self._process, "profile.window")

    def _dosed(self, culprit: Culprit, sites: Sequence[Mapping[str, Any]]) -> Culprit:
        values, unit = self._amounts(culprit, sites)
        scales = []
        for primitive in self._primitives.all() if values else ():
            grown = [
                after - before
                for (before, after), given in zip(pairwise(values), self._given, strict=True)
                if given == primitive
            ]
            scales.append(msgspec.structs.replace(scale(primitive, (grown[0], grown[1], grown[2])), unit=unit))
        by = ", ".join(one.primitive for one in scales if one.scales)
        proved = [f"the dose test: it grows in proportion to each {by}"] if by else []
        return msgspec.structs.replace(
            culprit,
            scales=scales,
            scales_with=by,
            evidence=[*culprit.evidence, *proved],
            confidence="high" if by else culprit.confidence,
        )

    def _amounts(self, culprit: Culprit, sites: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
        """Return the amounts that a culprit keeps before the first dose and after each dose, and their unit.

        The amount is the number of live memory blocks for which the culprit's function is responsible, or else those
        for which the functions in `made_at` are. If there are none, it is the value of a gauge that the culprit
        explains: the first that is a count at rest or `children.bytes`. If there is no such gauge, the list is empty.
        """
        wanted = culprit.file, culprit.function
        made = {(one.file, one.function) for one in culprit.made_at}
        for functions in ({wanted}, made):
            mine = [row["blocks"] for row in sites if function(responsible_frame(stack_of(row["stack"]))) in functions]
            if mine:
                return [float(sum(values)) for values in zip(*mine, strict=True)], "objects"
        counts = [
            name for name in culprit.explains if gauge_of(name).kind is GaugeKind.REST or name == "children.bytes"
        ]
        if not counts:
            return [], ""
        return [values.get(counts[0], 0.0) for values in self._values], gauge_of(counts[0]).unit


def scale(primitive: str, grown: tuple[float, float, float]) -> DoseResult:
    """Return the result of the dose test of one culprit with one primitive.

    `grown` is the culprit's growth after 1, 2 and 4 doses. The culprit scales with the primitive if these three amounts
    are nearly in the proportion 1 : 2 : 4.
    """
    rate = sum(dose * more for dose, more in zip(DOSES, grown, strict=True)) / sum(dose * dose for dose in DOSES)
    near = all(
        abs(more - rate * dose) <= TOLERANCE * rate * dose + SLACK for dose, more in zip(DOSES, grown, strict=True)
    )
    first, second, third = (dose * PORTION for dose in DOSES)
    enough = rate >= LEAST * PORTION and grown[2] > grown[0]
    return DoseResult(primitive, (first, second, third), grown, enough and near)


async def dose_test(
    culprits: Sequence[Culprit],
    plan: SoakPlan,
    folder: Path,
    report_progress: ProgressCallback,
    installation: Installation = HERE,
    process: str = AGENT,
) -> list[Culprit]:
    """Run the dose test with a fresh agent, and return copies of the culprits that have the results.

    `culprits` are those of one process, `process`. Raises TargetFailed, PhoneError, StateError.
    """
    scenario = mixed.Mixed()
    own = folder / "scenario"
    own.mkdir(parents=True)
    settings = folder / "config.toml"
    settings.write_text(scenario.settings())
    options = ["--shell", shell.COMMAND, "--time-scale", number_text(plan.time_scale), *scenario.serve_options(own)]
    async with agent_under_test(
        folder / "agent", settings, options, plant=plan.plant, installation=installation
    ) as target:
        chance = Random(f"{plan.seed} doses")  # noqa: S311 - has to be repeatable
        context = ScenarioContext(target, chance, plan.phones, plan.time_scale)
        return await DoseTest(target, Primitives(context, scenario), report_progress, process).run(culprits)
