"""Prepare the model's weights so that products in eight bits lose almost nothing.

A product in eight bits rounds its input to 256 steps within a range. The ranges are fixed, so nothing has to
be calibrated: a normalised vector of the model stays within 6 or 7 but in a few channels, and only one or two
units of the wide layer go beyond 4.6, where [CLS] drives them to 14–25. docs/performance.md, "Embedding
engines", has the measurements; docs/decisions/0007-openvino-embedding.md has the reasons.
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
"""GELU gives no less than −.17. Zero is one of the 256 steps; else all values near zero would be shifted."""

WIDE = {99: 20, 223: 17, 267: 16, 63: 14, 127: 14, 157: 11, 319: 9.5, 338: 9.5, 303: 9, 363: 8, 94: 7.5}
"""Channels with values beyond NORMAL, in any layer, and their maximum: scaled down, their weights up."""

STRONG = {0: {856: 4}, 1: {607: 4}, 2: {1004: 3, 218: 2}, 3: {358: 2}}
"""By layer: units of the wide layer with values beyond ACTIVE, and how many copies take over the excess."""


def channel_scales() -> Array:
    """Return the factor for each normalised channel that brings it within NORMAL."""
    scales = np.ones(384, dtype=np.float32)
    for channel, highest in WIDE.items():
        scales[channel] = NORMAL[1] / highest
    return scales


def fold_scales(weights: Mapping[str, Array], *, layers: int) -> dict[str, Array]:
    """Return weights of the same model whose products read normalised vectors times `channel_scales`."""
    prepared = dict(weights)
    normal = "embeddings.LayerNorm"
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            _fold(prepared, normal, f"{layer}.attention.self.{part}")
        _fold(prepared, f"{layer}.attention.output.LayerNorm", f"{layer}.intermediate.dense")
        for unit, copies in STRONG.get(number, {}).items():
            _split_unit(prepared, layer, unit, copies)
        normal = f"{layer}.output.LayerNorm"
    return prepared


def quantize_rows(matrix: Array) -> tuple[Array, Array]:
    """Return the matrix as 8-bit integers, and the factor of each row."""
    scale = np.abs(matrix).max(axis=1, keepdims=True) / np.float32(127)
    return np.round(matrix / scale).astype(np.int8), scale


def has_vnni() -> bool:
    """Return whether the processor multiplies bytes and adds them up without overflow (AVX-512 VNNI)."""
    described = Path("/proc/cpuinfo")
    return described.exists() and "avx512_vnni" in described.read_text(encoding="utf-8", errors="replace")


def _fold(prepared: dict[str, Array], normal: str, product: str) -> None:
    """Fold the scale and offset that end a normalisation into the product that follows it."""
    matrix = prepared[f"{product}.weight"]
    prepared[f"{product}.bias"] = prepared[f"{product}.bias"] + matrix @ prepared[f"{normal}.bias"]
    prepared[f"{product}.weight"] = matrix * (prepared[f"{normal}.weight"] / channel_scales())


def _split_unit(prepared: dict[str, Array], layer: str, unit: int, copies: int) -> None:
    """Add copies of a unit, each of which begins where the one before reaches the end of its range."""
    wide, bias, back = (f"{layer}.{name}" for name in ("intermediate.dense.weight", "intermediate.dense.bias",
                                                       "output.dense.weight"))  # fmt: skip
    units = [unit] * copies
    offsets = np.arange(1, copies + 1, dtype=np.float32) * np.float32(ACTIVE[1])
    prepared[wide] = np.concatenate([prepared[wide], prepared[wide][units]])
    prepared[bias] = np.concatenate([prepared[bias], prepared[bias][units] - offsets])
    prepared[back] = np.concatenate([prepared[back], prepared[back][:, units]], axis=1)
