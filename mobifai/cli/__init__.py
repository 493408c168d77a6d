"""The commands of `mobifai`. Each one parses its options, builds settings from them, runs, and reports."""
