"""Benchmarks against other programs and against targets; their results are in docs/performance.md."""
