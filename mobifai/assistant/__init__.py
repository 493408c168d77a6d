"""The assistant: prompts that drive a terminal with a model, and a bounded history of each conversation."""
