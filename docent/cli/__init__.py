"""The commands of `python -m docent`, a module for each topic."""
