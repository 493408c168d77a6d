"""The commands of `mobifai profile`, one module each."""
