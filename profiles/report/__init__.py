"""Reports of `mobifai profile run` and `attach`: text, HTML, Markdown and JSON. Judges nothing."""
