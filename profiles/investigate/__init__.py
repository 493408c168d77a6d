"""Investigates in fresh agents what grows, and which actions of a phone cause the growth."""
