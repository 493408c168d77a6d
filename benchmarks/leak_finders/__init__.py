"""Other ways to find the planted leaks: pytest-memray's `limit_leaks`, and trends of RSS.

`nox -s evidence -- --only leak-finders` measures, and writes docs/measurements/leak-finders.md.
Every cell of the table is a process
of its own. Needs the dependency groups `test` and `benchmarks`.
"""
