"""Stand-ins for what the tests cannot carry: a language model, and nothing else."""
