"""MobiFai beside what a user would pick instead: the same client, the same work, in interleaved rounds."""
