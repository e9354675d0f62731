"""What may pass between two processes: plain values and those of the glossary, as bytes.

Pickle, since it keeps every value exactly; but it builds nothing except what is named here, so
that a message can hold data and never code.
"""

from __future__ import annotations

import dataclasses
import enum
import io
import pickle
from typing import Any

OURS = ("docent.types", "docent.store.")
OTHERS = {
    ("docent.messages", "restored"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


def pack(value: Any) -> bytes:
    packed = io.BytesIO()
    _Pickler(packed, protocol=5).dump(value)
    return packed.getvalue()


def unpack(data: bytes) -> Any:
    return _Unpickler(io.BytesIO(data)).load()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Members of enumerations by their value; some versions of Python would name `getattr`."""
        return (type(value), (value.value,)) if isinstance(value, enum.Enum) else NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in OTHERS or module.startswith(OURS):
            found = super().find_class(module, name)
            if (module, name) in OTHERS or _is_value(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} may not pass between processes")


def _is_value(found: Any) -> bool:
    if not isinstance(found, type):
        return False
    named_tuple = issubclass(found, tuple) and hasattr(found, "_fields")
    return dataclasses.is_dataclass(found) or issubclass(found, enum.Enum) or named_tuple
