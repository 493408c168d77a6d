"""The assistant: at a user's request, a model acts in a terminal. The history of each conversation is bounded."""
