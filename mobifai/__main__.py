"""Run the command `mobifai` as `python -m mobifai`."""

from mobifai.cli.main import main

main()
