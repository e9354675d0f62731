"""Read-only links to conversations, which work until they are revoked."""
