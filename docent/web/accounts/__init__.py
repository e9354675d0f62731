"""People who log in, keys of programs, and what both may see."""
