"""Questions that need a fact from one document to search another."""
