"""The subcommands of `mobifai profile`, one module each."""
