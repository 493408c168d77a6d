"""The memory gate (`mobifai profile gate`): compares a changed MobiFai with its base, to test whether memory grows."""
