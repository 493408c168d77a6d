"""The proof: synthetic phones that use the agent as people do, and what they find."""
