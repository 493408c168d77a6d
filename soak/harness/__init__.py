"""The processes under test, their surroundings, and what removes them."""
