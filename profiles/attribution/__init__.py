"""From what was measured to the line that is to blame."""
