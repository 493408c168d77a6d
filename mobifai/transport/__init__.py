"""How messages travel: the relay, in this process or elsewhere, and the data channel."""
