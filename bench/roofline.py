"""Compare embedding with the matrix products that this processor can do, and profile the model.

    nice python -m bench.roofline [--chunks 400] [--rounds 5]

The limit, for each precision, is the best of numpy and torch multiplying matrices of the model's shapes on
all cores, and the model's own products in order without the operations between them. It is compared with the
model alone (padding does not count as work) and with embedding from texts. All run in one process and the
best of the rounds counts, because machines are noisy: compare the shares.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bench.scanning import page_lines
from docent.indexing import chunk, embedded_text
from docent.indexing.embedder import BATCH_TOKENS, FastEmbedder, available_cores, batches, packaged_model
from docent.indexing.openvino_bert import (
    STEP,
    InferenceRequest,
    OpenVinoModel,
    Precision,
    quantize_rows,
)
from docent.indexing.packaged_model import MAX_TOKENS, PACKAGED_MODEL
from docent.types import Document, Page

LAYERS, WIDTH, INNER = 6, 384, 1536
SHAPES = [(WIDTH, WIDTH)] * 4 + [(WIDTH, INNER), (INNER, WIDTH)]
"""The weights of a layer: query, key, value and output of attention, and the two of the feed-forward part."""
KINDS = {
    "FullyConnected": "products with weights",
    "MatMul": "products with weights",
    "Subgraph": "attention, fused by the library",
    "ScaledDotProductAttention": "attention, fused by the library",
    "MVN": "normalising",
    "MulAdd": "normalising",
    "Multiply": "normalising",
    "FakeQuantize": "normalising",
    "Add": "adding",
    "Reorder": "moving and converting",
    "Transpose": "moving and converting",
    "Convert": "moving and converting",
}

NAMES: dict[Precision, str] = {
    "int8": "8-bit products",
    "int8 weights": "8-bit weights, computed in fp32",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chunks", type=int, default=400, help="chunks embedded in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the best counts")
    args = parser.parse_args()
    default = FastEmbedder(packaged_model(), name=PACKAGED_MODEL, threads=available_cores())
    texts = _texts(default, args.chunks)
    for precision in dict.fromkeys(("fp32", default.precision)):
        embedder = FastEmbedder(
            packaged_model(), name=PACKAGED_MODEL, threads=available_cores(), precision=precision
        )
        compare_with_limit(embedder, precision, texts, args.rounds)
        embedder.close()
    default.close()


def compare_with_limit(
    embedder: FastEmbedder, precision: Precision, texts: Sequence[str], rounds: int
) -> None:
    """Print a table of rates, and one of the model's time by kind of operation."""
    ids = [encoding.ids for encoding in embedder.tokenizer.encode_batch_fast(list(texts))]
    work = sum(map(flops, map(len, ids)))
    model = OpenVinoModel(packaged_model(), precision=precision, ranges_known=True)
    limits: dict[str, tuple[float, Callable[[], object]]] = {
        "numpy, fp32": (_products_flops(), _numpy_products()),
        f"torch, {_torch_precision(precision)}": (_products_flops(), _torch_products(precision)),
        "the model's matrix products alone": (
            available_cores() * 4 * LAYERS * _products_flops(),
            _chain(model),
        ),
    }
    runs = limits | {
        "the model": (work, _model(model, ids)),
        "embedding, from texts": (work, lambda: embedder.embed(texts)),
    }
    seconds = {
        name: _best(run, rounds, repeat=20 if name in list(limits)[:2] else 1)
        for name, (_, run) in runs.items()
    }
    rates = {name: runs[name][0] / taken / 1e9 for name, taken in seconds.items()}
    limit = max(rates[name] for name in limits)
    title = NAMES.get(precision, precision)
    mean = np.mean([len(tokens) for tokens in ids])
    print(f"\n{title}, {available_cores()} cores, {len(texts)} chunks of {mean:.0f} tokens:\n")
    print("| | GFLOP/s | share of the limit |\n|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} | {rate / limit:.0%} |")
    print(
        f"\n{_other_work(embedder, texts, [len(tokens) for tokens in ids], seconds['embedding, from texts'])}"
    )
    print("\n| operations of the model | share of time |\n|---|---|")
    for kind, share in _profile(model, ids).most_common():
        print(f"| {kind} | {share:.0%} |")


def _other_work(embedder: FastEmbedder, texts: Sequence[str], lengths: Sequence[int], seconds: float) -> str:
    """Describe the work of embedding besides the model's own."""
    began = time.perf_counter()
    embedder.tokenizer.encode_batch_fast(list(texts))
    tokenising = time.perf_counter() - began
    return (
        f"Embedding reads {sum(lengths) / seconds:,.0f} tokens/s. "
        f"Tokenising takes {tokenising / seconds:.0%} of it, "
        f"and {1 - sum(lengths) / padded_tokens(lengths):.1%} of the model's input is padding."
    )


def padded_tokens(lengths: Sequence[int]) -> int:
    """Count the tokens of all batches with their padding, as `InferenceRequest` pads."""
    return sum(len(batch) * -(-lengths[batch[0]] // STEP) * STEP for batch in batches(lengths, BATCH_TOKENS))


def flops(length: int) -> float:
    """Return the operations for a text of so many tokens; a multiplication and an addition are two."""
    return LAYERS * (length * 2 * sum(a * b for a, b in SHAPES) + 4 * length**2 * WIDTH)


def _products_flops() -> float:
    return BATCH_TOKENS * 2.0 * sum(a * b for a, b in SHAPES)


def _numpy_products() -> Callable[[], object]:
    inputs = {a: np.ones((BATCH_TOKENS, a), dtype=np.float32) for a, _ in SHAPES}
    weights = [np.ones(shape, dtype=np.float32) for shape in SHAPES]
    return lambda: [inputs[weight.shape[0]] @ weight for weight in weights]


def _torch_precision(precision: Precision) -> str:
    return "bf16" if precision in ("int8", "bf16") else "fp32"


def _torch_products(precision: Precision) -> Callable[[], object]:
    import torch

    torch.set_num_threads(available_cores())
    kind = torch.bfloat16 if _torch_precision(precision) == "bf16" else torch.float32
    inputs = {a: torch.ones((BATCH_TOKENS, a), dtype=kind) for a, _ in SHAPES}
    weights = [torch.ones(shape, dtype=kind) for shape in SHAPES]
    return lambda: [inputs[weight.shape[0]] @ weight for weight in weights]


def _chain(model: OpenVinoModel) -> Callable[[], object]:
    """Return a run of all layers' products, each on the result before it, four times on every core."""
    import openvino  # type: ignore[import-untyped]

    op, kind = openvino.opset13, openvino.Type
    states = entry = op.parameter([-1, WIDTH], kind.f32, name="states")
    for _ in range(LAYERS):
        for into, out in SHAPES:
            matrix = np.full((out, into), 1e-3, dtype=np.float32)
            weights = op.constant(matrix)
            if model.precision == "int8":
                whole, scale = quantize_rows(matrix)
                weights = op.multiply(op.convert(op.constant(whole), kind.f32), op.constant(scale))
                ends = np.float32(-1), np.float32(1)
                states = op.fake_quantize(states, *ends, *ends, 256)
            states = op.matmul(states, weights, False, True)
    compiled = _compiled(model, openvino.Model([states], [entry], "products"), available_cores())
    requests = [compiled.create_infer_request() for _ in range(available_cores())]
    rows = np.ones((BATCH_TOKENS, WIDTH), dtype=np.float32)
    pool = ThreadPoolExecutor(available_cores())

    def four_times(request: Any) -> None:
        for _ in range(4):
            request.infer([rows])

    return lambda: list(pool.map(four_times, requests))


def _model(model: OpenVinoModel, ids: Sequence[list[int]]) -> Callable[[], object]:
    """Return a run of the compiled model on every core, over the same batches as in use."""
    compiled = model.compile(streams=available_cores())
    requests = [compiled.request() for _ in range(available_cores())]
    batched = [
        [ids[row] for row in batch] for batch in batches([len(tokens) for tokens in ids], BATCH_TOKENS)
    ]
    pool = ThreadPoolExecutor(available_cores())

    def run(number: int) -> None:
        for batch in batched[number :: len(requests)]:
            requests[number].run(batch)

    return lambda: list(pool.map(run, range(len(requests))))


def _profile(model: OpenVinoModel, ids: Sequence[list[int]]) -> Counter[str]:
    """Return the share of the model's time by kind of operation, on one core."""
    compiled = _compiled(model, model.graph, 1, PERF_COUNT=True)
    request = compiled.create_infer_request()
    single = InferenceRequest(request)
    spent: dict[str, float] = defaultdict(float)
    for batch in list(batches([len(tokens) for tokens in ids], BATCH_TOKENS))[:20]:
        single.run([ids[row] for row in batch])
        for node in request.get_profiling_info():
            spent[KINDS.get(node.node_type, "other")] += node.real_time.total_seconds()
    total = sum(spent.values())
    return Counter({kind: seconds / total for kind, seconds in spent.items()})


def _compiled(model: OpenVinoModel, graph: Any, streams: int, **options: object) -> Any:
    import openvino

    settings = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams, "ENABLE_CPU_PINNING": False}
    return openvino.Core().compile_model(
        graph, "CPU", settings | {"INFERENCE_PRECISION_HINT": model.hint} | options
    )


def _best(run: Callable[[], object], rounds: int, *, repeat: int) -> float:
    """Return the seconds of the best round; the first run, which compiles and allocates, does not count."""
    run()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(repeat):
            run()
        seconds.append((time.perf_counter() - began) / repeat)
    return min(seconds)


def _texts(embedder: FastEmbedder, count: int) -> list[str]:
    """Return the embedded texts of a generated book's chunks."""
    pages = tuple(Page(number=n, text="\n".join(page_lines(n))) for n in range(1, count + 1))
    document = Document(sha256="0" * 64, name="book.pdf", kind="pdf", pages=pages)
    pieces = chunk(
        document, document_id="bench", tokenizer=embedder.tokenizer, size=200, overlap=25, limit=MAX_TOKENS
    )
    return [embedded_text(piece) for piece in pieces][:count]


if __name__ == "__main__":
    main()
