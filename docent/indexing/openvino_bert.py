"""A BERT-like model as an OpenVINO graph, built straight from its weights.

Nothing is exported, converted or kept: reading the weights, building the graph and compiling it
takes about 0.4 s together, without torch (docs/decisions/0007-openvino-embedding.md).

The weights of the packaged model are prepared so that products in eight bits lose almost nothing. Such a
product rounds its input to 256 steps within a range. The ranges are fixed, so nothing has to be calibrated: a
normalised vector of the model stays within 6 or 7 but in a few channels, and only one or two units of the
wide layer go beyond 4.6, where [CLS] drives them to 14–25. docs/performance.md, "Embedding engines", has the
measurements.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from docent.indexing.sentence_model import WEIGHTS_FILE, SentenceModel, damaged_model

Precision = Literal["int8", "bf16", "int8 weights", "fp32"]
"""Number format of the products; with "int8" all else is in bf16 where the processor has it."""

Array = NDArray[Any]

SMALLEST = 1e-12  # length by which a vector is divided
MASKED = -1e9
EMBEDDINGS = "embeddings.word_embeddings.weight"
STEP = 8  # of lengths: each new one costs 13 ms, before the library has seen it


QuantizationRange = tuple[float, float]

NORMAL: QuantizationRange = (-6.0, 6.0)
ATTENDED: QuantizationRange = (-2.5, 2.5)
ACTIVE: QuantizationRange = (-4.6 * 9 / 246, 4.6)
"""GELU gives no less than −.17. Zero is one of the 256 steps; else all values near zero would be shifted."""

WIDE = {99: 20, 223: 17, 267: 16, 63: 14, 127: 14, 157: 11, 319: 9.5, 338: 9.5, 303: 9, 363: 8, 94: 7.5}
"""Channels with values beyond NORMAL, in any layer, and their maximum: scaled down, their weights up."""

STRONG = {0: {856: 4}, 1: {607: 4}, 2: {1004: 3, 218: 2}, 3: {358: 2}}
"""By layer: units of the wide layer with values beyond ACTIVE, and how many copies take over the excess."""


def _openvino() -> Any:
    """Import the library without its usage statistics, which it skips where their package is missing."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino  # type: ignore[import-untyped]

    return openvino


class OpenVinoModel:
    """A model, read once and ready to be compiled for each kind of work."""

    def __init__(self, model: SentenceModel, *, precision: Precision | None, ranges_known: bool) -> None:
        """`ranges_known` says that the ranges of eight-bit products were measured on these weights."""
        self._core = _openvino().Core()
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # The fastest that is faithful on this processor.
        fastest: Precision = "bf16" if has_bf16 else "int8 weights"
        self.precision = precision or ("int8" if ranges_known and has_vnni() else fastest)
        self.hint = "bf16" if self.precision in ("int8", "bf16") and has_bf16 else "f32"
        try:
            weights = _read_weights(model)
            self.graph = _graph(weights, self.precision, model)
            """In the library's operations; `compile` makes it runnable."""
            # A question's vector takes part in every comparison, so its errors count each time.
            self._exact = _graph(weights, "fp32", model) if self.precision == "int8" else self.graph
        except (SafetensorError, OSError, KeyError) as error:  # a name that is missing is a KeyError
            raise damaged_model(model.folder, error) from error

    def compile(self, *, streams: int, exact: bool = False) -> CompiledModel:
        """Compile with threads of its own; they inherit the niceness of the thread that calls."""
        compiled = self._core.compile_model(
            self._exact if exact else self.graph,
            "CPU",
            {
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": streams,
                "ENABLE_CPU_PINNING": False,  # two models pinned to the same cores would wait for each other
                "INFERENCE_PRECISION_HINT": self.hint,
            },
        )
        return CompiledModel(compiled)


class CompiledModel:
    """A compiled model: it runs as many requests at once as it has streams, of one thread each."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def request(self) -> InferenceRequest:
        return InferenceRequest(self._compiled.create_infer_request())


class InferenceRequest:
    """Runs one batch at a time; each thread has a request of its own."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def run(self, batch: list[list[int]]) -> NDArray[np.float32]:
        """Return one normalised vector for each list of token ids."""
        longest = -(-max(map(len, batch)) // STEP) * STEP
        ids = np.zeros((len(batch), longest), dtype=np.int32)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        self._request.infer({"ids": ids, "mask": mask})
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)


def _read_weights(model: SentenceModel) -> dict[str, Array]:
    """Read the weights in 32 bits, by their names without that of the kind of model before them."""
    weights = load_file(model.folder / WEIGHTS_FILE)
    begin = next((name.removesuffix(EMBEDDINGS) for name in weights if name.endswith(EMBEDDINGS)), "")
    return {
        name.removeprefix(begin): values.astype(np.float32, copy=False)
        for name, values in weights.items()
        if np.issubdtype(values.dtype, np.floating)
    }


def _graph(weights: Mapping[str, Array], precision: Precision, model: SentenceModel) -> Any:
    """Build the graph from token ids and mask to the text's vector, normalised to length one."""
    openvino = _openvino()
    op, of = openvino.opset13, openvino.Type
    if precision == "int8":
        weights = fold_scales(weights, layers=model.layers)
    build = _Builder(weights, op, of, precision, model)
    ids = op.parameter([-1, -1], of.i32, name="ids")
    mask = op.parameter([-1, -1], of.i32, name="mask")
    for parameter in (ids, mask):
        parameter.output(0).set_names({parameter.get_friendly_name()})
    present = op.convert(mask, of.f32)
    bias = op.unsqueeze(op.multiply(op.subtract(build.one, present), np.float32(MASKED)), build.ints(1, 2))
    states = build.embeddings(ids)
    for number in range(model.layers):
        states = build.layer(states, bias, f"encoder.layer.{number}")
    if model.pooling == "cls":
        pooled = op.gather(states.full, op.constant(np.int64(0)), op.constant(np.int64(1)))
    else:
        share = op.unsqueeze(present, build.ints(2))
        total = op.reduce_sum(op.multiply(states.full, share), build.ints(1), False)
        pooled = op.divide(total, op.reduce_sum(share, build.ints(1), False))
    return openvino.Model([op.normalize_l2(pooled, build.ints(1), SMALLEST, "max")], [ids, mask], "embedder")


class _LayerOutput(NamedTuple):
    """A layer's output: as the next layer adds it, and as its products read it."""

    full: Any
    for_products: Any


class _Builder:
    """The parts of a BERT encoder, in the library's operations."""

    def __init__(
        self, weights: Mapping[str, Array], op: Any, of: Any, precision: Precision, model: SentenceModel
    ) -> None:
        self._model = model
        self._weights, self._op, self._of, self._precision = weights, op, of, precision
        self.one = np.float32(1)

    def ints(self, *values: int) -> Any:
        return self._op.constant(np.array(values, dtype=np.int64))

    def embeddings(self, ids: Any) -> _LayerOutput:
        op, first = self._op, self._op.constant(np.int64(0))
        # One copy for both graphs: the table is half of the weights.
        table = op.constant(self._weights["embeddings.word_embeddings.weight"], shared_memory=True)
        words = op.gather(table, ids, first)
        length = op.gather(op.shape_of(ids), op.constant(np.int64(1)), first)
        positions = op.range(first, length, op.constant(np.int64(1)), self._of.i64)
        # Every text is the first of its pair, so the segment's vector is part of the position's.
        rows = (
            self._weights["embeddings.position_embeddings.weight"][self._model.first_position :]
            + self._weights["embeddings.token_type_embeddings.weight"][:1]
        )
        places = op.gather(op.constant(rows), positions, first)
        return self._normal(op.add(words, places), "embeddings.LayerNorm")

    def layer(self, states: _LayerOutput, bias: Any, name: str) -> _LayerOutput:
        op = self._op
        query, key, value = (
            self._heads(self._linear(states.for_products, f"{name}.attention.self.{part}"))
            for part in ("query", "key", "value")
        )
        seen = op.transpose(op.scaled_dot_product_attention(query, key, value, bias), self.ints(0, 2, 1, 3))
        seen = self._quantize(op.reshape(seen, self.ints(0, 0, -1), True), ATTENDED)
        added = op.add(self._linear(seen, f"{name}.attention.output.dense"), states.full)
        states = self._normal(added, f"{name}.attention.output.LayerNorm")
        wide = self._quantize(
            op.gelu(self._linear(states.for_products, f"{name}.intermediate.dense"), "ERF"), ACTIVE
        )
        return self._normal(
            op.add(self._linear(wide, f"{name}.output.dense"), states.full), f"{name}.output.LayerNorm"
        )

    def _heads(self, states: Any) -> Any:
        apart = self._op.reshape(states, self.ints(0, 0, self._model.heads, -1), True)
        return self._op.transpose(apart, self.ints(0, 2, 1, 3))

    def _linear(self, states: Any, name: str) -> Any:
        op, matrix = self._op, self._weights[f"{name}.weight"]
        if self._precision in ("int8", "int8 weights"):
            whole, scale = quantize_rows(matrix)
            weights = op.multiply(op.convert(op.constant(whole), self._of.f32), op.constant(scale))
        else:
            weights = op.constant(matrix)
        return op.add(op.matmul(states, weights, False, True), self._weights[f"{name}.bias"])

    def _normal(self, states: Any, name: str) -> _LayerOutput:
        op = self._op
        even = op.mvn(states, self.ints(2), True, self._model.epsilon, "INSIDE_SQRT")
        full = op.add(op.multiply(even, self._weights[f"{name}.weight"]), self._weights[f"{name}.bias"])
        if self._precision != "int8":
            return _LayerOutput(full, for_products=full)
        return _LayerOutput(full, for_products=self._quantize(op.multiply(even, channel_scales()), NORMAL))

    def _quantize(self, states: Any, interval: QuantizationRange) -> Any:
        """Round to 256 steps in a range, so that the library computes the next product in eight bits."""
        if self._precision != "int8":
            return states
        low, high = map(np.float32, interval)
        return self._op.fake_quantize(states, low, high, low, high, 256)


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
