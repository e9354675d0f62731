"""How far embedding is from what this machine's matrix multiply can do, and where the rest of the time goes.

    nice python -m bench.roofline [--chunks 400] [--rounds 5]

The roof, for each precision, is the best of: numpy and torch multiplying matrices of the model's own shapes
on all cores, and the model's products in their order with everything between them left out. Against it stand
the model alone (padding is no work done) and embedding as it is used, from texts. All run in one process, the
best of the rounds counts, since machines are noisy: read the shares.
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
from docent.glossary import Document, Page
from docent.indexing import chunk, embedded_text
from docent.indexing.bert import LAYERS, STEP, Caller, Model, Precision
from docent.indexing.eight_bits import in_eight_bits
from docent.indexing.fast import BATCH_TOKENS, FastEmbedder, batches, cores
from docent.indexing.packaged import MAX_TOKENS, PACKAGED_MODEL, packaged_folder

WIDTH, INNER = 384, 1536
SHAPES = [(WIDTH, WIDTH)] * 4 + [(WIDTH, INNER), (INNER, WIDTH)]
"""The weights of a layer: question, key, value and output of attention, and the two of what follows."""
KINDS = {
    "FullyConnected": "products with weights",
    "MatMul": "products with weights",
    "Subgraph": "attention, which the library fuses into one step",
    "ScaledDotProductAttention": "attention, which the library fuses into one step",
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
    "int8": "products in 8 bits",
    "int8 weights": "8-bit weights, computed in fp32",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chunks", type=int, default=400, help="chunks embedded in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the best counts")
    asked = parser.parse_args()
    default = FastEmbedder(packaged_folder(), name=PACKAGED_MODEL, threads=cores())
    texts = _texts(default, asked.chunks)
    for precision in dict.fromkeys(("fp32", default.precision)):
        embedder = FastEmbedder(packaged_folder(), name=PACKAGED_MODEL, threads=cores(), precision=precision)
        against_the_roof(embedder, precision, texts, asked.rounds)
        embedder.close()
    default.close()


def against_the_roof(embedder: FastEmbedder, precision: Precision, texts: Sequence[str], rounds: int) -> None:
    """One table of rates, and one of where the model's own time goes."""
    ids = [encoding.ids for encoding in embedder.tokenizer.encode_batch_fast(list(texts))]
    work = sum(map(flops, map(len, ids)))
    model = Model(packaged_folder(), precision=precision)
    rooms: dict[str, tuple[float, Callable[[], object]]] = {
        "numpy, fp32": (_products_flops(), _numpy_products()),
        f"torch, {_torch_precision(precision)}": (_products_flops(), _torch_products(precision)),
        "the model's products alone": (cores() * 4 * LAYERS * _products_flops(), _chain(model)),
    }
    ways = rooms | {
        "the model": (work, _model(model, ids)),
        "embedding, from texts": (work, lambda: embedder.embed(texts)),
    }
    seconds = {
        name: _best(run, rounds, repeat=20 if name in list(rooms)[:2] else 1)
        for name, (_, run) in ways.items()
    }
    rates = {name: ways[name][0] / took / 1e9 for name, took in seconds.items()}
    roof = max(rates[name] for name in rooms)
    named = NAMES.get(precision, precision)
    mean = np.mean([len(one) for one in ids])
    print(f"\n{named}, {cores()} cores, {len(texts)} chunks of {mean:.0f} tokens:\n")
    print("| what | GFLOP/s | share of the roof |\n|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} | {rate / roof:.0%} |")
    print(f"\n{_beside(embedder, texts, [len(one) for one in ids], seconds['embedding, from texts'])}")
    print("\n| the model's own time | share |\n|---|---|")
    for kind, share in _profile(model, ids).most_common():
        print(f"| {kind} | {share:.0%} |")


def _beside(embedder: FastEmbedder, texts: Sequence[str], lengths: Sequence[int], seconds: float) -> str:
    """What embedding them in so many seconds does beside the model's own work."""
    begun = time.perf_counter()
    embedder.tokenizer.encode_batch_fast(list(texts))
    tokenising = time.perf_counter() - begun
    return (
        f"Embedding reads {sum(lengths) / seconds:,.0f} tokens/s. "
        f"Tokenising takes {tokenising / seconds:.0%} of it, "
        f"and {1 - sum(lengths) / given(lengths):.1%} of what the model is given is padding."
    )


def given(lengths: Sequence[int]) -> int:
    """Tokens that the model is given: all of a batch are as long as its longest, in the steps of `Caller`."""
    return sum(len(batch) * -(-lengths[batch[0]] // STEP) * STEP for batch in batches(lengths, BATCH_TOKENS))


def flops(length: int) -> float:
    """Of one text of so many tokens: a multiplication and an addition are two."""
    return LAYERS * (length * 2 * sum(a * b for a, b in SHAPES) + 4 * length**2 * WIDTH)


def _products_flops() -> float:
    return BATCH_TOKENS * 2.0 * sum(a * b for a, b in SHAPES)


def _numpy_products() -> Callable[[], object]:
    given = {a: np.ones((BATCH_TOKENS, a), dtype=np.float32) for a, _ in SHAPES}
    weights = [np.ones(shape, dtype=np.float32) for shape in SHAPES]
    return lambda: [given[weight.shape[0]] @ weight for weight in weights]


def _torch_precision(precision: Precision) -> str:
    return "bf16" if precision in ("int8", "bf16") else "fp32"


def _torch_products(precision: Precision) -> Callable[[], object]:
    import torch

    torch.set_num_threads(cores())
    kind = torch.bfloat16 if _torch_precision(precision) == "bf16" else torch.float32
    given = {a: torch.ones((BATCH_TOKENS, a), dtype=kind) for a, _ in SHAPES}
    weights = [torch.ones(shape, dtype=kind) for shape in SHAPES]
    return lambda: [given[weight.shape[0]] @ weight for weight in weights]


def _chain(model: Model) -> Callable[[], object]:
    """The products of all layers, each given what the one before made, on every core; four times each."""
    import openvino  # type: ignore[import-untyped]

    op, kind = openvino.opset13, openvino.Type
    states = given = op.parameter([-1, WIDTH], kind.f32, name="states")
    for _ in range(LAYERS):
        for into, out in SHAPES:
            matrix = np.full((out, into), 1e-3, dtype=np.float32)
            weights = op.constant(matrix)
            if model.precision == "int8":
                whole, scale = in_eight_bits(matrix)
                weights = op.multiply(op.convert(op.constant(whole), kind.f32), op.constant(scale))
                ends = np.float32(-1), np.float32(1)
                states = op.fake_quantize(states, *ends, *ends, 256)
            states = op.matmul(states, weights, False, True)
    compiled = _compiled(model, openvino.Model([states], [given], "products"), cores())
    requests = [compiled.create_infer_request() for _ in range(cores())]
    rows = np.ones((BATCH_TOKENS, WIDTH), dtype=np.float32)
    pool = ThreadPoolExecutor(cores())

    def four_times(request: Any) -> None:
        for _ in range(4):
            request.infer([rows])

    return lambda: list(pool.map(four_times, requests))


def _model(model: Model, ids: Sequence[list[int]]) -> Callable[[], object]:
    """The compiled model on every core, over batches that are cut as they are in use."""
    compiled = _compiled(model, model._graph, cores())
    callers = [Caller(compiled.create_infer_request()) for _ in range(cores())]
    cut = [[ids[row] for row in batch] for batch in batches([len(one) for one in ids], BATCH_TOKENS)]
    pool = ThreadPoolExecutor(cores())

    def run(number: int) -> None:
        for batch in cut[number :: len(callers)]:
            callers[number].run(batch)

    return lambda: list(pool.map(run, range(len(callers))))


def _profile(model: Model, ids: Sequence[list[int]]) -> Counter[str]:
    """By kind of operation, on one core: its share of the model's time."""
    compiled = _compiled(model, model._graph, 1, PERF_COUNT=True)
    request = compiled.create_infer_request()
    caller = Caller(request)
    spent: dict[str, float] = defaultdict(float)
    for batch in list(batches([len(one) for one in ids], BATCH_TOKENS))[:20]:
        caller.run([ids[row] for row in batch])
        for node in request.get_profiling_info():
            spent[KINDS.get(node.node_type, "the rest")] += node.real_time.total_seconds()
    total = sum(spent.values())
    return Counter({kind: seconds / total for kind, seconds in spent.items()})


def _compiled(model: Model, graph: Any, streams: int, **options: object) -> Any:
    settings = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams, "ENABLE_CPU_PINNING": False}
    return model._core.compile_model(
        graph, "CPU", settings | {"INFERENCE_PRECISION_HINT": model.hint} | options
    )


def _best(run: Callable[[], object], rounds: int, *, repeat: int) -> float:
    """Seconds of one run, the best of the rounds; the first, which compiles and allocates, does not count."""
    run()
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(repeat):
            run()
        took.append((time.perf_counter() - begun) / repeat)
    return min(took)


def _texts(embedder: FastEmbedder, count: int) -> list[str]:
    """Chunks as they are cut of a book's pages."""
    pages = tuple(Page(number=n, text="\n".join(page_lines(n))) for n in range(1, count + 1))
    document = Document(sha256="0" * 64, name="book.pdf", kind="pdf", pages=pages)
    pieces = chunk(
        document, document_id="bench", tokenizer=embedder.tokenizer, size=200, overlap=25, limit=MAX_TOKENS
    )
    return [embedded_text(piece) for piece in pieces][:count]


if __name__ == "__main__":
    main()
