"""For processes that tests interrupt again and again: `make coverage` leaves them alone.

Coverage notes lines under a lock of its own, and an interruption in that moment keeps it for ever.
"""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """The environment for such a process."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
