"""Reports of `mobifai profile run` and `attach`: text, HTML, Markdown and JSON. Draws no conclusions."""
