"""Kill -9 or Ctrl+C at random instants: nothing lost, nothing doubled, and deleted text found nowhere.

    python -m bench.crash [--kills 200] [--seed 1]

A child process ingests, changes, deletes and rebuilds small documents, and writes down what it is about
to do and what it has done; it is killed, every other time interrupted, so that it closes everything in the
middle of its work; the store is opened again, and everything is compared. What was
deleted is looked for in every file, too, as text and as the catalog compresses it; not among the words,
whose dictionary keeps single stems until tantivy merges its parts.
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
from collections.abc import Mapping
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TextIO

from docent.errors import StoreError
from docent.glossary import Scope
from docent.store import Rebuild, Store, switch
from docent.store.packing import pack_text
from tests.store.putting import finish, nearest, put, put_several

ALL = Scope()
WORD = re.compile(rb"w\d+x\d+q\d")
AGAIN = 30.0
EVERY = [f"{number}.txt" for number in range(8)]


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory() as name:
        interrupted = run(Path(name), kills=asked.kills, seed=asked.seed)
    print(f"{asked.kills} times stopped; nothing lost, nothing doubled, nothing left of what was deleted.")
    print("\n| stopped during | times |\n|---|---|")
    for what, times in interrupted.most_common():
        print(f"| {what} | {times} |")


def run(folder: Path, *, kills: int, seed: int) -> Counter[str]:
    """What was interrupted how often; raises StoreError when something does not hold."""
    chance = random.Random(seed)
    interrupted: Counter[str] = Counter()
    # A clean process that has imported everything already: a child begins in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["docent.indexing", "tests.store.putting", "chromadb", "chromadb.api.rust"]
    )
    for kill in range(kills):
        interrupted[_killed(context, folder, chance, kill)] += 1
        _check(folder)
    return interrupted


def child(folder: Path, seed: int, ready: Connection) -> None:
    """Work until killed or interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), (folder / "journal").open("a") as journal:
        _work(folder, seed, ready, journal)


def _work(folder: Path, seed: int, ready: Connection, journal: TextIO) -> None:
    """The journal says of each step what it is, before and after."""
    chance = random.Random(seed)

    def say(**what: str) -> None:
        journal.write(json.dumps(what) + "\n")
        journal.flush()

    step = 0
    while True:
        what = ""
        with closing(Store(folder / "storage", fingerprint="f")) as store:
            if not step:
                ready.send("ready")
            while what != "rebuild":
                step += 1
                word = f"w{seed}x{step}q"
                what = chance.choice(["put", "put", "several", "delete", "rebuild"])
                paths = chance.sample(EVERY, 4 if what == "several" else 1)
                for path in paths:
                    say(begin=what, path=path, word=word + path[0])
                if what != "rebuild":
                    _step(store, folder, what, {path: word + path[0] for path in paths})
                    for path in paths:
                        say(done=what, path=path, word=word + path[0])
        _rebuild(folder / "storage")
        say(done=what, path=path, word=word + path[0])


def _step(store: Store, folder: Path, what: str, words: Mapping[str, str]) -> None:
    if what == "several":
        put_several(store, folder, {path: text_of(path, word) for path, word in words.items()})
        finish(store)
        return
    ((path, word),) = words.items()
    if what == "put":
        put(store, folder, path, text_of(path, word))
        return
    for document in store.documents(ALL):
        if path in document.paths:
            store.delete(document.id, ALL)


def _rebuild(folder: Path) -> None:
    with closing(Store(folder / "building", fingerprint="f")) as new, Rebuild(folder, new=new) as work:
        for kept in work.missing():
            document = work.document(kept)
            text = document.pages[0].text
            put(new, folder.parent / "again", kept.files[0].path, text)
        finish(new)
        work.finish()
    assert switch(folder, chroma_url="") == "switched"


def _killed(context: ForkServerContext, folder: Path, chance: random.Random, kill: int) -> str:
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(folder, kill, theirs))
    process.start()
    theirs.close()
    _sure(ours.poll(60) and ours.recv() == "ready", f"the store could not be opened after kill {kill}")
    time.sleep(chance.uniform(0.0, 0.6))
    _sure(process.is_alive(), f"the child ended by itself with {process.exitcode}")
    how = "Ctrl+C" if kill % 2 else "kill -9"
    if how == "kill -9":
        process.kill()
    while process.is_alive():
        process.terminate()  # again where it was lost: Python ignores what a weak reference's callback raises
        process.join(AGAIN)
    _sure(how == "kill -9" or process.exitcode == 0, f"an interrupted child ended with {process.exitcode}")
    ours.close()
    journal = _journal(folder)
    return f"{journal[-1].get('begin', 'between two steps')}, {how}" if journal else f"nothing, {how}"


def _check(folder: Path) -> None:
    allowed, gone = _expected(_journal(folder))
    store = Store(folder / "storage", fingerprint="f")
    try:
        finish(store)
        documents = store.documents(ALL)
        words = {}
        for document in documents:
            (chunk,) = store.chunks_of(document.id, ALL)
            for path in document.paths:
                _sure(path not in words, f"{path} is doubled")
                words[path] = chunk.text.split()[3]
        for path, possible in allowed.items():
            _sure(words.get(path, "") in possible, f"{path} is {words.get(path)!r}, not one of {possible}")
        ids = {chunk.id for document in documents for chunk in store.chunks_of(document.id, ALL)}
        _sure(store._vectors.chunk_ids("default") == ids, "vectors are out of step")
        _sure(store._words.chunk_ids() == ids, "words are out of step")
        _sure({one.sha256 for one in documents} == set(store._originals.held()), "originals are out of step")
        for word in gone.keys() - set(words.values()):
            _sure(word not in " ".join(nearest(store, word)), f"{word} is found")
            _sure(store.matching(word, 5, ALL) == [], f"{word} is found by words")
    finally:
        store.close()
    _nothing_left(
        folder / "storage", {word: path for word, path in gone.items() if word not in words.values()}
    )


def _nothing_left(storage: Path, gone: Mapping[str, str]) -> None:
    """No file holds what was deleted."""
    packed = {pack_text(text_of(path, word)): word for word, path in gone.items()}
    begins = re.compile(re.escape(os.path.commonprefix([*packed]) or b""))
    for file in storage.rglob("*"):
        if gone and file.is_file() and "words" not in file.parts:
            held = file.read_bytes()
            left = gone.keys() & {word.decode() for word in WORD.findall(held)}
            for begin in begins.finditer(held):
                left |= {word for trace, word in packed.items() if held.startswith(trace, begin.start())}
            _sure(not left, f"{', '.join(sorted(left))} is left in {file}")


def text_of(path: str, word: str) -> str:
    return f"Note {path} says {word} of the pangolin."


def _expected(journal: list[dict[str, str]]) -> tuple[dict[str, set[str]], dict[str, str]]:
    """For each path what it may hold now (empty: nothing); and the path of every word that was written."""
    sure: dict[str, set[str]] = {path: {""} for path in EVERY}
    written: dict[str, str] = {}
    for entry in journal:
        what, path = entry.get("begin") or entry["done"], entry["path"]
        if what == "rebuild":
            continue
        after = entry["word"] if what in ("put", "several") else ""
        written[entry["word"]] = path
        sure[path] = sure[path] | {after} if "begin" in entry else {after}
    return sure, written


def _journal(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "journal").read_text().splitlines() if (folder / "journal").exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _sure(condition: bool, complaint: str) -> None:
    if not condition:
        raise StoreError(complaint)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
