"""Processes under test: starts them, sets their environment, and removes them.

`agent_process` starts an agent, `relay_process` a separate relay. `counted_process` counts processes other than the
agent. `temp_run` gives a run its directory, and `cleanup` removes the directory even if the harness is killed.
"""
