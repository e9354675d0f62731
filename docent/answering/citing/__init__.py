"""Find and check the citations of an answer, by words alone; begin with `citations.cite`."""
