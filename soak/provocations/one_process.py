"""Provocations of an agent without a keeper: huge answers, shells that do not end, and a flooded log.

Starts a separate agent, because these limits need other settings than the agent of a scenario has.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mobifai.limits import (
    ASSISTANT_ANSWER,
    ASSISTANT_REPLY,
    ASSISTANT_SECONDS,
    LOG_FILE,
    LOG_FILES,
    LOG_KINDS,
    LOG_LINE,
    TERMINAL_CHILDREN,
    TERMINALS,
)
from soak.harness.agent_process import agent_under_test
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.provocations.model_api import Form, ModelApi
from soak.provocations.provocation import ProvocationEnvironment, provocation
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.conversation_steps import PROMPT
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

SETTINGS = """
[assistant]
quiet_seconds = 0.0
approvals = "never"
retries = 0

[limits]
"assistant.seconds" = 5
"log.file" = 1024
"log.line" = 160
"log.kinds" = 4
"""
"""The agent's settings, with the lowest values at which these limits still have their effect.

Filling the default values would take hours.
"""

STAYS = "/bin/sh -c 'trap \"\" HUP; exec sleep 3600'"
"""A shell command whose process keeps running after its terminal is closed."""


@asynccontextmanager
async def _agent(env: ProvocationEnvironment, api: ModelApi) -> AsyncIterator[ProvocationEnvironment]:
    settings = env.folder / "one-process.toml"
    settings.write_text(SETTINGS)
    options = ["--no-keeper", "--shell", STAYS, "--model-url", api.url, "--log-level", "debug"]
    variables = {"ANTHROPIC_API_KEY": "no-key"}
    async with agent_under_test(
        env.folder / "one-process", settings, options, installation=env.installation, variables=variables
    ) as target:
        context = ScenarioContext(target, env.context.random)
        inner = ProvocationEnvironment(context, CheckedTabs(context), env.script, env.folder, env.installation)
        try:
            yield inner
        finally:
            for phone in context.phones:
                await phone.vanish()


async def one_process(env: ProvocationEnvironment) -> None:
    """Start an agent without a keeper, fill the limits of this module there, and record the ledger of this agent."""
    async with ModelApi().listening() as api, _agent(env, api) as inner:
        phone = await visits.new_phone(inner.tabs, webrtc=False, features=())
        await visits.arrive(inner.context, phone)
        uuids = [await inner.tabs.open(phone, greeted=False) for _ in range(TERMINALS.value)]
        await _huge_answers(inner, phone, api, uuids[0])
        await _shells_that_stay(inner, phone)
        await _flooded_log(inner, phone)
        env.record((await inner.bounds()).values())


async def _huge_answers(env: ProvocationEnvironment, phone: Phone, api: ModelApi, uuid: str) -> None:
    """Prompt a model that does not reply, then one with a long reply without content, then one with a huge answer."""
    for size, api.form in (
        (None, Form.ANSWER),
        (2 * ASSISTANT_REPLY.value, Form.COMMENTS),
        (2 * ASSISTANT_ANSWER.value, Form.ANSWER),
    ):
        api.answer_bytes = size
        await phone.send("ai:prompt", {"uuid": uuid, "prompt": PROMPT})
        await phone.expect("ai:error", lambda payload: payload["uuid"] == uuid, 2 * PATIENCE)


async def _shells_that_stay(env: ProvocationEnvironment, phone: Phone) -> None:
    """Close all terminals, whose shells keep running, and open terminals until the agent has as many shells as it
    allows. The next terminal is refused.
    """
    await env.tabs.kill_all(phone)
    uuids = [await env.tabs.open(phone, greeted=False) for _ in range(TERMINAL_CHILDREN.value - TERMINALS.value)]
    await env.tabs.kill(phone, uuids[0])
    try:
        await phone.create(visits.device_id(1000), timeout=PATIENCE)
    except PhoneError as error:
        if TERMINAL_CHILDREN.name not in str(error):
            raise
    else:
        raise PhoneError(
            "error", f"expected the agent to refuse shell {TERMINAL_CHILDREN.value + 1}; the shell was started"
        )


async def _flooded_log(env: ProvocationEnvironment, phone: Phone) -> None:
    """Cause warnings and errors of many kinds, until the oldest log file is removed."""

    def is_flooded(status: visits.Status) -> bool:
        return any(one["name"] == LOG_FILES.name and one["evicted"] for one in status["bounds"])

    number = 0
    while not is_flooded(await env.context.target.ask("status")):
        number += 1
        if number > MOST_NUISANCES:
            raise PhoneError("error", f"expected {MOST_NUISANCES} wrong messages to fill the log; the log is not full")
        await _nuisance(env, phone)


MOST_NUISANCES = 200


async def _nuisance(env: ProvocationEnvironment, phone: Phone) -> None:
    """Send messages that the agent logs, of more kinds than the log deduplicates; then reconnect."""
    await phone.type(visits.device_id(1000), "nobody reads this")
    await phone.send("webrtc:ice-candidate", {"candidate": {"candidate": 7}})
    await phone.send("webrtc:answer", {"answer": {"type": "answer", "sdp": "x" * 1000}})
    await phone.send("process:switch", {"activeUuids": 7})
    await phone.send("ai:cancel", {"uuid": visits.device_id(1000)})
    await phone.drop_relay()
    await visits.arrive(env.context, phone)


PROVOCATIONS = (
    provocation(
        "agent in one process",
        "without a keeper: shells that outlive their terminals, a model that gives huge answers or none, a flooded log",
        one_process,
        TERMINAL_CHILDREN, ASSISTANT_ANSWER, ASSISTANT_REPLY, ASSISTANT_SECONDS, LOG_FILES, LOG_FILE, LOG_LINE,
        LOG_KINDS,
    ),
)  # fmt: skip
"""The provocations of this module."""
