"""Compares MobiFai with its alternatives: the same client does the same work, in interleaved rounds."""
