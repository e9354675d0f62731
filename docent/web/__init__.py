"""The web server: chat, documents page, accounts and HTTP API, with their defences."""

from __future__ import annotations

import sys
from types import ModuleType


def _leave_out_tracing() -> None:
    """Replace a tracing SDK that Chainlit loads and nothing calls: a tenth of the start, and 19 MB."""
    sdk = ModuleType("traceloop.sdk")
    sdk.__dict__["Traceloop"] = type("Traceloop", (), {})
    sys.modules.setdefault("traceloop", ModuleType("traceloop"))
    sys.modules.setdefault("traceloop.sdk", sdk)


_leave_out_tracing()
