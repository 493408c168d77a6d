"""Tests which of soak's planted leaks other leak finders find: pytest-memray's `limit_leaks`, and trends of RSS.

`nox -s evidence -- --only leak-finders` measures them, and writes docs/measurements/leak-finders.md. Each cell of the
table there is measured in a separate process. Needs the dependency groups `test` and `benchmarks`.
"""
