"""What the browser needs beside app.py: the page, its defences, the sources behind a citation."""
