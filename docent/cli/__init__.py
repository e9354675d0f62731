"""Commands of `python -m docent` that are more than a call and a print; one module a theme."""
