"""Errors of the disk, in words for the person whose file could not be stored."""

from __future__ import annotations

import errno

from docent.messages import Message


def is_disk_full(error: Exception) -> bool:
    """Tell whether a write failed for want of space or quota."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def write_failure(error: Exception) -> Message:
    """Return the sentence for a file that could not be written; it follows the file's name."""
    if is_disk_full(error):
        return Message("the disk is full. Free some space and send it again.")
    return Message(
        "it could not be written to the disk. Check that the folder may be written, and send it again."
    )
