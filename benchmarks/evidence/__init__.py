"""The evidence for soak and profile on one revision: single runs, their results, and the pages.

    nox -s evidence -- --status
    nox -s evidence -- --jobs 2 --limit-minutes 100
    nox -s evidence -- --render

Each run (one plant, one seed, one cell of a table) is a *unit*. Its result is a line of
`docs/measurements/evidence/results.jsonl`, and the pages are rendered from these lines alone. The module `units` has
the types, `kinds` lists the kinds of units, and `runner` runs them.
"""
