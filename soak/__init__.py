"""`mobifai soak`: synthetic phones use an agent for minutes or a day, and the agent's growth is judged.

`scenarios` are ways to use an agent, `provocations` fill its limits, `plants` are leaks for the self-test. Each of
these packages says how to add one; so does `gauges` for a measured value.

`phone` is the synthetic phone, `harness` starts processes, `inside` counts in them, `run` carries out a run, and
`report` and `view` show its results.
"""
