"""What is measured, and how series of it are judged."""
