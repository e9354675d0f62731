"""Tools that a model may use while it answers."""
