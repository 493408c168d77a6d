"""Gauges: measured values, and the judgement of their growth.

`gauge.GAUGES` lists every gauge with its unit and how it is judged. To add a gauge, add its family to that table, and a
value with the family's name where the value is counted: in `soak.inside.count` inside a process, or in `process_stats`
from outside. `trend` judges one gauge over a window of samples, `verdict` a whole run.
"""
