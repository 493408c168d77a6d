"""The assistant: prompts that drive a terminal with a model, and a history that cannot grow."""
