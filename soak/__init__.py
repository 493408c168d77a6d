"""`mobifai soak`: synthetic phones use an agent for minutes, hours or days, and a report says whether the agent grows.

`scenarios` are ways to use an agent, `provocations` fill its limits, and `plants` are leaks for the self-test. The
docstring of each of these packages says how to add one of them. The docstring of `gauges` says how to add a measured
value. `phone` is the synthetic phone, `harness` starts processes, `inside` counts in them, `run` carries out a run, and
`report` and `view` show its results.
"""
