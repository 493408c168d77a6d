"""The agent that puts this machine's terminals on a phone."""

from mobifai.agent.agent import Agent
from mobifai.agent.composition import open_agent

__all__ = ["Agent", "open_agent"]
