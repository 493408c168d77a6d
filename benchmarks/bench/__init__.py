"""Compares MobiFai with its alternatives: the same client and the same work, in interleaved rounds."""
