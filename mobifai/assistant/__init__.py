"""The assistant: at a user's request, a model reads the screen of a terminal and types into it."""
