"""Gauges: measured values, and the judgement of their growth.

`gauge.GAUGES` lists every gauge with its unit and how it is judged. `trend` judges one gauge over a window of samples,
`verdict` a whole run.

To add a gauge, add its family to `GAUGES`. Then return a value with the family's name from `soak.inside.count`, which
counts inside a process, or from `process_stats`, which counts from outside.
"""
