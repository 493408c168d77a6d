"""The agent's ways to a phone: the relay, the peer connection, and the courier that chooses."""
