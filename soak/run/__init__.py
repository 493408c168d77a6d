"""One run: rounds of blocks, confirmation, progress and the report in the making."""
