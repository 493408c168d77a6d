"""The checks of `mobifai doctor`, one module for each area. No check changes anything."""
