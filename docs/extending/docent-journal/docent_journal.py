"""Writes a line for each ingest into the file that JOURNAL names."""

import os
from pathlib import Path

from docent.types import Notification


def write_line(notification: Notification) -> None:
    with Path(os.environ.get("JOURNAL", "journal.txt")).open("a") as journal:
        journal.write(f"{notification.text} ({', '.join(file.path for file in notification.files)})\n")
