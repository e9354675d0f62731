"""What the model's products need so that they can be computed in eight bits, and nearly nothing is lost.

A product in eight bits takes what it reads in 256 steps between two ends. The ends are fixed, so nothing has
to be calibrated: a normalised vector of the model stays within 6 or 7 but in a few channels, and what goes
beyond 4.6 in the wide layer is one unit or two that [CLS] drives to 14–25. How they were found:
docs/performance.md, "Embedding engines"; why: docs/decisions/0007-openvino-embedding.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
QuantizationRange = tuple[float, float]

NORMAL: QuantizationRange = (-6.0, 6.0)
ATTENDED: QuantizationRange = (-2.5, 2.5)
ACTIVE: QuantizationRange = (-4.6 * 9 / 246, 4.6)
"""GELU gives no less than −.17. Zero is one of the 256 steps; else all that is near zero would be shifted."""

WIDE = {99: 20, 223: 17, 267: 16, 63: 14, 127: 14, 157: 11, 319: 9.5, 338: 9.5, 303: 9, 363: 8, 94: 7.5}
"""Channels that reach beyond NORMAL, in any layer: they are read smaller, and their weights are larger."""

STRONG = {0: {856: 4}, 1: {607: 4}, 2: {1004: 3, 218: 2}, 3: {358: 2}}
"""By layer: units of the wide layer that reach beyond ACTIVE, and how many more units take over the rest."""


def channel_scales() -> Array:
    """What each normalised channel is multiplied by, so that it stays within NORMAL."""
    found = np.ones(384, dtype=np.float32)
    for channel, reach in WIDE.items():
        found[channel] = NORMAL[1] / reach
    return found


def fold_scales(weights: Mapping[str, Array], *, layers: int) -> dict[str, Array]:
    """The same model, its products reading normalised vectors times their `shares`."""
    ready = dict(weights)
    normal = "embeddings.LayerNorm"
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            _fold(ready, normal, f"{layer}.attention.self.{part}")
        _fold(ready, f"{layer}.attention.output.LayerNorm", f"{layer}.intermediate.dense")
        for unit, more in STRONG.get(number, {}).items():
            _relieve(ready, layer, unit, more)
        normal = f"{layer}.output.LayerNorm"
    return ready


def quantize_rows(matrix: Array) -> tuple[Array, Array]:
    """Whole numbers, and what each row of them has to be multiplied by."""
    scale = np.abs(matrix).max(axis=1, keepdims=True) / np.float32(127)
    return np.round(matrix / scale).astype(np.int8), scale


def has_vnni() -> bool:
    """Whether the processor has instructions that multiply bytes and add up without losing what overflows."""
    described = Path("/proc/cpuinfo")
    return described.exists() and "avx512_vnni" in described.read_text(encoding="utf-8", errors="replace")


def _fold(ready: dict[str, Array], normal: str, product: str) -> None:
    """Normalising ends in a multiplication and an addition: the product that follows does them as well."""
    matrix = ready[f"{product}.weight"]
    ready[f"{product}.bias"] = ready[f"{product}.bias"] + matrix @ ready[f"{normal}.bias"]
    ready[f"{product}.weight"] = matrix * (ready[f"{normal}.weight"] / channel_scales())


def _relieve(ready: dict[str, Array], layer: str, unit: int, more: int) -> None:
    """More units like this one, each of which begins where the one before has reached its end."""
    wide, bias, back = (f"{layer}.{name}" for name in ("intermediate.dense.weight", "intermediate.dense.bias",
                                                       "output.dense.weight"))  # fmt: skip
    copies = [unit] * more
    begins = np.arange(1, more + 1, dtype=np.float32) * np.float32(ACTIVE[1])
    ready[wide] = np.concatenate([ready[wide], ready[wide][copies]])
    ready[bias] = np.concatenate([ready[bias], ready[bias][copies] - begins])
    ready[back] = np.concatenate([ready[back], ready[back][:, copies]], axis=1)
