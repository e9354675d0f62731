"""The prompt: instructions and personas, quoting, counting tokens, fitting the context."""
