"""Where what the page sends waits: a folder of this process' own, and nothing of one that was killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import chainlit.config
import chainlit.server


def keep_apart() -> None:
    """A folder of this process' own for what Chainlit keeps of a session.

    Chainlit removes the folder when it ends: with the common one, that of a running server as well, and
    in a container, where `.files` is a mount, nothing that can be removed. A process that is killed removes
    nothing, so the next one does.
    """
    own = Path(chainlit.config.config.root) / ".files" / str(os.getpid())
    if own == chainlit.config.FILES_DIRECTORY:
        return  # the code was reloaded under a running server
    for left in own.parent.glob("*"):
        if left == own or not _is_used(left):
            shutil.rmtree(left, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    chainlit.config.FILES_DIRECTORY = own
    chainlit.server.FILES_DIRECTORY = own  # type: ignore[attr-defined]  # imported there by name


def _is_used(folder: Path) -> bool:
    """Whether a process of that number runs; what is not called by a number is not ours to judge."""
    if os.name == "nt" or not folder.name.isdecimal():  # to ask Windows for a process would end it
        return True
    try:
        os.kill(int(folder.name), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
