"""Measured values and their judgement.

`gauge.GAUGES` lists every gauge with its unit and how it is judged. To add one, add its family there and a value with
that name where it is counted: `soak.inside.count` inside a process, `process_stats` from outside. `trend` judges one
gauge over a window, `verdict` a whole run.
"""
