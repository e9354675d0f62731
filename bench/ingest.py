"""Compare ingesting by the tutorial's pipeline and by Docent, on the same PDFs in one run.

    python -m bench.ingest --pdfs FOLDER [--files 5] [--rounds 2]

Each ingest is a process of its own, timed from its start to its end; both start with an empty store.
Memory is the sampled peak of the proportional share (PSS) of the process and all its children. The tutorial's
reader is that of llama-index-readers-file where this is installed (it pins an older pypdf than ours); else
pages are read by pypdf as it does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.resources import on_disk
from bench.tutorial import OFFLINE, readers
from docent.indexing.embedder import packaged_tokenizer
from docent.indexing.packaged_model import MAX_TOKENS, packaged_folder

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest, measured."""

    pages: int
    seconds: float
    tokens: int
    """Tokens that reached the model, without those it cut off."""
    dropped: int
    """Tokens of the chunks that the model cut off."""
    peak_mb: float
    disk_mb: float


def main() -> None:
    args = _arguments()
    if args.tutorial:
        tutorial(*args.tutorial)
        return
    files = sorted(args.pdfs.glob("*.pdf"))[: args.files]
    runs: dict[str, list[Run]] = {"tutorial": [], "docent": []}
    for _ in range(args.rounds):
        for name, measure in (("tutorial", _run_tutorial), ("docent", _run_docent)):
            with tempfile.TemporaryDirectory() as folder:
                library = Path(folder) / "data" / "bench"
                library.mkdir(parents=True)
                for file in files:
                    (library / file.name).symlink_to(file.resolve())
                runs[name].append(measure(Path(folder)))
    _print(runs)


def tutorial(data: str, storage: str) -> None:
    """Ingest by SimpleDirectoryReader, SentenceSplitter, HuggingFaceEmbedding and Chroma with defaults."""
    import chromadb
    from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.schema import MetadataMode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.chroma import ChromaVectorStore

    documents = SimpleDirectoryReader(data, file_extractor=readers()).load_data()
    nodes = SentenceSplitter().get_nodes_from_documents(documents)
    collection = chromadb.PersistentClient(path=storage).get_or_create_collection("tutorial")
    VectorStoreIndex(
        nodes,
        storage_context=StorageContext.from_defaults(vector_store=ChromaVectorStore(collection)),
        embed_model=HuggingFaceEmbedding(model_name=str(packaged_folder())),
    )
    texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
    print(json.dumps({"pages": len(documents), "texts": texts}))


def _run_tutorial(folder: Path) -> Run:
    command = [sys.executable, "-W", "ignore", "-m", "bench.ingest", "--pdfs", str(folder)]
    command += ["--tutorial", str(folder / "data" / "bench"), str(folder / "storage")]
    seconds, peak, output = _measured(command, {})
    result = json.loads(output.splitlines()[-1])
    lengths = [len(encoding.ids) for encoding in packaged_tokenizer().encode_batch_fast(result["texts"])]
    read = sum(min(length, MAX_TOKENS) for length in lengths)
    return Run(result["pages"], seconds, read, sum(lengths) - read, peak, on_disk(folder / "storage"))


def _run_docent(folder: Path) -> Run:
    storage = folder / "storage"
    settings = {"DOCENT_DATA": str(folder / "data"), "DOCENT_STORAGE": str(storage)}
    settings["DOCENT_FOLLOW_LINKS"] = "on"  # the measured files are linked
    seconds, peak, _ = _measured([sys.executable, "ingest.py"], settings)
    disk = on_disk(storage) - on_disk(storage / "originals")
    pages, tokens = _stored(settings)
    return Run(pages, seconds, tokens, 0, peak, disk)


def _stored(settings: dict[str, str]) -> tuple[int, int]:
    """Return the numbers of pages and embedded tokens in the store."""
    from docent.app import open_docent
    from docent.settings import Settings
    from docent.types import Scope

    scope = Scope()
    with open_docent(Settings.read(environ=settings)) as docent:
        documents = docent.store.documents(scope)
        chunks = [chunk for document in documents for chunk in docent.store.chunks_of(document.id, scope)]
    return sum(document.pages for document in documents), sum(chunk.tokens for chunk in chunks)


def _measured(command: list[str], settings: dict[str, str]) -> tuple[float, float, str]:
    """Run a command; return its seconds, peak megabytes and output."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | OFFLINE | settings, stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, _tree_megabytes(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - began
    ended.set()
    sampler.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return seconds, peak, output


def _tree_megabytes(pid: int) -> float:
    """Return the memory of a process and its children; pages that they share count once."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {child for task in tasks for child in (task / "children").read_text().split()}
    except (FileNotFoundError, ProcessLookupError):  # it ended between two samples
        return 0.0
    own = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return own / 1000 + sum(_tree_megabytes(int(child)) for child in children)


def _print(runs: dict[str, list[Run]]) -> None:
    rows: dict[str, Callable[[Run], float]] = {
        "pages": lambda run: run.pages,
        "seconds": lambda run: run.seconds,
        "pages/s": lambda run: run.pages / run.seconds,
        "tokens embedded": lambda run: run.tokens,
        "tokens never read by the model": lambda run: run.dropped,
        "tokens embedded/s": lambda run: run.tokens / run.seconds,
        "peak memory, MB": lambda run: run.peak_mb,
        "disk without the originals, MB": lambda run: run.disk_mb,
    }
    print("| | tutorial | docent | ratio |\n|---|---|---|---|")
    for name, value in rows.items():
        theirs, ours = (median(value(run) for run in runs[pipeline]) for pipeline in ("tutorial", "docent"))
        print(f"| {name} | {theirs:,.1f} | {ours:,.1f} | {ours / theirs if theirs else 0:.2f} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pdfs", type=Path, required=True, help="folder of PDF files")
    parser.add_argument("--files", type=int, default=5, help="number of files, by name")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each, in turns; the median counts")
    parser.add_argument("--tutorial", nargs=2, help=argparse.SUPPRESS)  # the child process's own folders
    return parser.parse_args()


if __name__ == "__main__":
    main()
