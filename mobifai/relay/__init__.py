"""The relay: authenticates phones and agents, pairs them, and forwards their messages."""
