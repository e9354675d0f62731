"""The readers of all formats; file_types.READERS names the function of each kind."""
