"""Runs soak's scenarios in fresh agents to find the lines that grow, and the actions of a phone that cause growth."""
