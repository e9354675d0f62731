"""One module for each format, all with `read(source, *, job, watch) -> Contents`."""
