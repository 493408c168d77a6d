"""Gives the planted leaks to other leak finders: pytest-memray's `limit_leaks`, and trends of RSS.

`nox -s evidence -- --only leak-finders` measures, and writes docs/measurements/leak-finders.md. Each cell of the table
is measured in a separate process. Needs the dependency groups `test` and `benchmarks`.
"""
