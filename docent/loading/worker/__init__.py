"""The sandboxed processes that parse files: starting them, talking to them, reading in parallel."""
