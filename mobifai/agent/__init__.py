"""The agent, which serves this machine's terminals to phones."""

from mobifai.agent.agent import Agent
from mobifai.agent.composition import open_agent

__all__ = ["Agent", "open_agent"]
