"""Texts of the sample PDFs in data/ (internships/, restaurants/), and their layouts."""
