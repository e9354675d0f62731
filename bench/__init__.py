"""Side-by-side measurements, runnable by anyone; their results are in docs/performance.md."""
