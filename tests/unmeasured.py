"""Exclude processes that tests interrupt again and again from `make coverage`.

Coverage records lines under a lock, and an interruption at that moment never releases it.
"""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """Return an environment without coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
