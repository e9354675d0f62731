"""What the sample PDFs in data/ say (internships/, restaurants/), and how they are set in type."""
