"""The documents page: its routes, and the pages that they show."""
