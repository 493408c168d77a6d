"""The part of the hunt inside the process that is looked into. Nothing of it stays there after a look."""
