"""A run: rounds of blocks, confirmation, progress and the report.

`runner` carries out a plan, `block_runner` and `scenario_run` run one scenario, `watch` watches a running agent, and
`selftest` runs every plant.
"""
