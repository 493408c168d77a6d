"""The part of the profiler that runs inside the examined process. Nothing of it remains after an examination."""
