"""Interrupt a store at random with kill -9 or Ctrl+C, and check its contents after each.

    python -m bench.crash [--kills 200] [--seed 1]

A child process ingests, changes and deletes small documents, between the steps of a rebuild of their index,
and at times goes back to the index before. It keeps a journal of each step before and after it. It is killed,
every other time interrupted so that it closes everything in the middle of its work, and every third time a
second process rebuilds the index beside it and is killed after it. Then the store is opened again and
compared with the journal: nothing may be lost or doubled, and no index left that nobody knows.
Deleted text is searched for in every file, as text and as the catalog compresses it, except in the word
index, whose dictionary keeps single stems until tantivy merges its segments.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TextIO

from docent.errors import StoreError
from docent.store import Store, roll_back
from docent.store.catalog.packing import pack_text
from docent.types import Document, Page, Scope
from tests.store.damage import catalog
from tests.store.putting import chunked, finish, nearest, put, put_several

ALL = Scope()
WORD = re.compile(rb"w\d+x\d+q\d")
RETRY_SECONDS = 30.0
PATHS = [f"{number}.txt" for number in range(8)]
STEPS = ["put", "put", "put several", "delete", "roll back", *["rebuild"] * 5]


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory() as name:
        interrupted = run(Path(name), kills=args.kills, seed=args.seed)
    print(f"{args.kills} interruptions; nothing lost, nothing doubled, nothing left of deleted text.")
    print("\n| interrupted during | count |\n|---|---|")
    for step, count in interrupted.most_common():
        print(f"| {step} | {count} |")


def run(folder: Path, *, kills: int, seed: int) -> Counter[str]:
    """Return how often each step was interrupted; raise StoreError when a check fails."""
    chance = random.Random(seed)
    interrupted: Counter[str] = Counter()
    # A process that has imported everything already, so that a child starts in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["docent.indexing", "tests.store.putting", "chromadb", "chromadb.api.rust"]
    )
    for kill in range(kills):
        interrupted[_interrupt(context, folder, chance, kill)] += 1
        _check(folder)
    return interrupted


def child(folder: Path, seed: int, ready: Connection) -> None:
    """Work until killed or interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), (folder / "journal").open("a") as journal:
        _work(folder, seed, ready, journal)


def rebuild_beside(folder: Path) -> None:
    """Rebuild the index again and again until killed."""
    for _ in _rebuild(folder / "storage"):
        pass


def _work(folder: Path, seed: int, ready: Connection, journal: TextIO) -> None:
    """Take random steps, with a line in the journal before and after each."""
    chance = random.Random(seed)

    def record(**entry: str) -> None:
        journal.write(json.dumps(entry) + "\n")
        journal.flush()

    number = 0
    with closing(Store(folder / "storage", fingerprint="f")) as store:
        ready.send("ready")
        rebuild = _rebuild(folder / "storage")
        with closing(rebuild):
            while True:
                number += 1
                word = f"w{seed}x{number}q"
                step = chance.choice(STEPS)
                paths = chance.sample(PATHS, 4 if step == "put several" else 1)
                for path in paths:
                    record(begin=step, path=path, word=word + path[0])
                if step == "rebuild":
                    next(rebuild)
                else:
                    _step(store, folder, step, {path: word + path[0] for path in paths})
                for path in paths:
                    record(done=step, path=path, word=word + path[0])


def _step(store: Store, folder: Path, step: str, words: Mapping[str, str]) -> None:
    if step == "put several":
        put_several(store, folder, {path: text_of(path, word) for path, word in words.items()})
        finish(store)
        return
    ((path, word),) = words.items()
    if step == "put":
        put(store, folder, path, text_of(path, word))
    elif step == "delete":
        for document in store.documents(ALL):
            if path in document.paths:
                store.delete(document.id, ALL)
    elif step == "roll back":
        with suppress(StoreError):  # there is no earlier index
            roll_back(folder / "storage")
        _read_what_waits(store)


def _read_what_waits(store: Store) -> None:
    """Read what came after the rebuild, as the next start and the next ingest do after a rollback."""
    for waiting in store.waiting.unread():
        text = store.original(waiting.id, ALL).read_text()
        document = Document(waiting.sha256, waiting.name, "text", (Page(1, text),))
        store.put_reading(waiting.id, document, chunked(document, waiting.id))
    finish(store)


def _rebuild(folder: Path) -> Generator[None, None, None]:
    """Rebuild the index again and again; other steps are taken in between."""
    while True:
        try:
            with closing(Store(folder, fingerprint="f", building=True)) as new:
                _carry_over(new)
                yield
                finish(new)
                yield
                while new.switch() != "switched":
                    _carry_over(new)
                    finish(new)
        except StoreError as error:
            if "another rebuild has ended" not in str(error):
                raise
        yield


def _carry_over(new: Store) -> None:
    for stored in new.missing():
        if (document := new.read_before(stored.id)) is not None:
            new.put_reading(stored.id, document, chunked(document, stored.id))


def _interrupt(context: ForkServerContext, folder: Path, chance: random.Random, kill: int) -> str:
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(folder, kill, theirs))
    process.start()
    theirs.close()
    _require(ours.poll(60) and ours.recv() == "ready", f"the store could not be opened after kill {kill}")
    rebuilding = context.Process(target=rebuild_beside, args=(folder,))
    if kill % 3 == 0:
        rebuilding.start()
    time.sleep(chance.uniform(0.0, 0.6))
    _require(process.is_alive(), f"the child ended by itself with {process.exitcode}")
    how = "Ctrl+C" if kill % 2 else "kill -9"
    if how == "kill -9":
        process.kill()
    while process.is_alive():
        process.terminate()  # again: Python drops what a weak reference's callback raises
        process.join(RETRY_SECONDS)
    _require(
        how == "kill -9" or process.exitcode == 0,
        f"an interrupted child ended with {process.exitcode}",
    )
    if kill % 3 == 0:
        _require(rebuilding.is_alive(), f"the rebuild ended by itself with {rebuilding.exitcode}")
        rebuilding.kill()
        rebuilding.join()
    ours.close()
    journal = _journal(folder)
    return f"{journal[-1].get('begin', 'between two steps')}, {how}" if journal else f"nothing, {how}"


def _check(folder: Path) -> None:
    allowed, gone = _expected(_journal(folder))
    store = Store(folder / "storage", fingerprint="f")
    try:
        _read_what_waits(store)
        documents = store.documents(ALL)
        words = {}
        for document in documents:
            (chunk,) = store.chunks_of(document.id, ALL)
            for path in document.paths:
                _require(path not in words, f"{path} is doubled")
                words[path] = chunk.text.split()[3]
        for path, possible in allowed.items():
            _require(words.get(path, "") in possible, f"{path} is {words.get(path)!r}, not one of {possible}")
        ids = {chunk.id for document in documents for chunk in store.chunks_of(document.id, ALL)}
        contents = store.contents()
        _require(contents.vectors.get("default", set()) == ids, "vectors are out of step")
        _require(contents.words == ids, "words are out of step")
        _require(
            {document.sha256 for document in documents} == contents.originals, "originals are out of step"
        )
        for word in gone.keys() - set(words.values()):
            _require(word not in " ".join(nearest(store, word)), f"{word} is found")
            _require(store.matching(word, 5, ALL) == [], f"{word} is found by words")
        _require(store.complaints() == [], f"{store.complaints()}")
        _no_other_index(folder / "storage")
    finally:
        store.close()
    _nothing_left(
        folder / "storage", {word: path for word, path in gone.items() if word not in words.values()}
    )


def _no_other_index(storage: Path) -> None:
    """Check that nothing is left of generations that were removed."""
    with catalog(storage) as db:
        known = {str(n) for (n,) in db.execute("SELECT n FROM generations")}
        for table in ("readings", "changes"):
            some = {str(n) for (n,) in db.execute(f"SELECT DISTINCT generation FROM {table}")}
            _require(some <= known, f"{table} of the generations {some - known} are left")
    folders = {folder.name for folder in (storage / "index").iterdir() if folder.name.isdigit()}
    _require(folders <= known, f"the folders of the generations {folders - known} are left")


def _nothing_left(storage: Path, gone: Mapping[str, str]) -> None:
    """Check that no file holds deleted text."""
    packed = {pack_text(text_of(path, word)): word for word, path in gone.items()}
    begins = re.compile(re.escape(os.path.commonprefix([*packed]) or b""))
    for file in storage.rglob("*"):
        if gone and file.is_file() and "words" not in file.parts:
            content = file.read_bytes()
            left = gone.keys() & {word.decode() for word in WORD.findall(content)}
            for begin in begins.finditer(content):
                left |= {word for trace, word in packed.items() if content.startswith(trace, begin.start())}
            _require(not left, f"{', '.join(sorted(left))} is left in {file}")


def text_of(path: str, word: str) -> str:
    return f"Note {path} says {word} of the pangolin."


def _expected(journal: list[dict[str, str]]) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Return the words that each path may hold now (empty: no file), and the path of every word written."""
    allowed: dict[str, set[str]] = {path: {""} for path in PATHS}
    written: dict[str, str] = {}
    for entry in journal:
        step, path = entry.get("begin") or entry["done"], entry["path"]
        if step in ("rebuild", "roll back"):
            continue
        after = entry["word"] if step in ("put", "put several") else ""
        written[entry["word"]] = path
        allowed[path] = allowed[path] | {after} if "begin" in entry else {after}
    return allowed, written


def _journal(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "journal").read_text().splitlines() if (folder / "journal").exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise StoreError(complaint)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
