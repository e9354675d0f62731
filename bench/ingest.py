"""Ingesting side by side: the way tutorials teach it, and Docent, on the same PDFs in one run.

    python -m bench.ingest --pdfs FOLDER [--files 5] [--rounds 2]

Each ingest is a process of its own, timed from its start to its end; both start with an empty store.
Memory is the proportional share (PSS) of the process and all its children, sampled; it is the peak.
The tutorial's reader is that of llama-index-readers-file where this is installed (it pins an older pypdf than
ours); else pages are taken from pypdf as it takes them.
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
from docent.indexing.packaged import MAX_TOKENS, packaged_folder, packaged_tokenizer

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest, measured."""

    pages: int
    seconds: float
    tokens: int
    """That reached the model: what it cut off does not count."""
    dropped: int
    """That were in the chunks and the model never saw."""
    peak_mb: float
    disk_mb: float


def main() -> None:
    asked = _arguments()
    if asked.tutorial:
        tutorial(*asked.tutorial)
        return
    files = sorted(asked.pdfs.glob("*.pdf"))[: asked.files]
    runs: dict[str, list[Run]] = {"tutorial": [], "docent": []}
    for _ in range(asked.rounds):
        for name, measure in (("tutorial", _run_tutorial), ("docent", _run_docent)):
            with tempfile.TemporaryDirectory() as folder:
                library = Path(folder) / "data" / "bench"
                library.mkdir(parents=True)
                for file in files:
                    (library / file.name).symlink_to(file.resolve())
                runs[name].append(measure(Path(folder)))
    _print(runs)


def tutorial(data: str, storage: str) -> None:
    """SimpleDirectoryReader, SentenceSplitter, HuggingFaceEmbedding, ChromaVectorStore, all as they come."""
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
    told = json.loads(output.splitlines()[-1])
    lengths = [len(one.ids) for one in packaged_tokenizer().encode_batch_fast(told["texts"])]
    read = sum(min(length, MAX_TOKENS) for length in lengths)
    return Run(told["pages"], seconds, read, sum(lengths) - read, peak, on_disk(folder / "storage"))


def _run_docent(folder: Path) -> Run:
    storage = folder / "storage"
    settings = {"DOCENT_DATA": str(folder / "data"), "DOCENT_STORAGE": str(storage)}
    seconds, peak, _ = _measured([sys.executable, "ingest.py"], settings)
    disk = on_disk(storage) - on_disk(storage / "originals")
    pages, tokens = _kept(settings)
    return Run(pages, seconds, tokens, 0, peak, disk)


def _kept(settings: dict[str, str]) -> tuple[int, int]:
    """Pages and embedded tokens, asked of the store itself."""
    from docent.assembly import open_house
    from docent.glossary import Scope
    from docent.settings import Settings

    scope = Scope()
    with open_house(Settings.read(environ=settings)) as house:
        documents = house.store.documents(scope)
        chunks = [one for document in documents for one in house.store.chunks_of(document.id, scope)]
    return sum(document.pages for document in documents), sum(one.tokens for one in chunks)


def _measured(command: list[str], settings: dict[str, str]) -> tuple[float, float, str]:
    """Seconds, peak megabytes and output of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | OFFLINE | settings, stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, _tree_megabytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - began
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return seconds, peak, output


def _tree_megabytes(pid: int) -> float:
    """Memory of a process and its children, pages shared between them counted once."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {child for task in tasks for child in (task / "children").read_text().split()}
    except (FileNotFoundError, ProcessLookupError):  # it ended between two looks
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
        "disk beside the originals, MB": lambda run: run.disk_mb,
    }
    print("| | tutorial | docent | ratio |\n|---|---|---|---|")
    for name, of in rows.items():
        theirs, ours = (median(of(run) for run in runs[who]) for who in ("tutorial", "docent"))
        print(f"| {name} | {theirs:,.1f} | {ours:,.1f} | {ours / theirs if theirs else 0:.2f} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pdfs", type=Path, required=True, help="folder of PDF files")
    parser.add_argument("--files", type=int, default=5, help="how many of them, by name")
    parser.add_argument(
        "--rounds", type=int, default=2, help="times each is run, in turns; the median counts"
    )
    parser.add_argument("--tutorial", nargs=2, help=argparse.SUPPRESS)  # the child process's own folders
    return parser.parse_args()


if __name__ == "__main__":
    main()
