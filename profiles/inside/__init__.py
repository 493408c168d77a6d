"""The part of the profiler that runs inside the examined process.

An examination leaves nothing behind in that process.
"""
