"""The readers of all formats: `read(source, *, job, report_step) -> Contents`, listed in file_types.READERS."""
