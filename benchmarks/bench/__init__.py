"""Compares MobiFai with its alternatives: one client program does the same work with each, in interleaved rounds."""
