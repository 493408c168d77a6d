"""The planted leaks, given to other ways to find leaks: pytest-memray's `limit_leaks`, and trends of RSS.

    python -m benchmarks.leak_finders [--self-test FILE]     measures, and writes docs/leak-finders.md
    python -m benchmarks.leak_finders --join --self-test FILE     writes the page again from what was measured

Needs the dependency groups `test` and `benchmarks`. Every cell of the table is a process of its own.
"""
