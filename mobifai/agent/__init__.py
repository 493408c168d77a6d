"""The agent that puts this machine's terminals on a phone."""

from mobifai.agent.agent import Agent, open_agent

__all__ = ["Agent", "open_agent"]
