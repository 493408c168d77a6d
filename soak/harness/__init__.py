"""Processes under test: starting them, their environment, and their removal.

`agent_process` starts an agent, `relay_process` a separate relay, `counted_process` counts processes beside the agent.
`temp_run` gives a run its directory and `cleanup` removes it even if the harness is killed.
"""
