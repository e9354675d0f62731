"""Bilingual dictionaries in the format of dictd, as Debian's packages dict-freedict-* install them.

An index of sorted headwords says where each entry lies in a compressed text. The index is mapped into memory
and the text is decompressed a piece at a time, so that the German dictionary, 519,000 headwords in 100 MB,
takes a few megabytes. Dictionaries of under a megabyte are also read backwards: those of the other direction
often know more.
"""

from __future__ import annotations

import mmap
import re
import struct
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from docent.errors import InputError
from docent.messages import Message

CODES = {"en": "eng", "fr": "fra", "de": "deu", "es": "spa", "it": "ita", "pt": "por", "nl": "nld"}
"""ISO 639-1 codes with those in the names of the files."""
DIGITS = {
    letter: value
    for value, letter in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
PIECES = 32  # of a text that stay decompressed: 2 MB
MAX_READ_WHOLE = 1_000_000  # bytes, compressed; 9,000 entries
MAX_ENTRIES = 8  # of one headword: more are rare senses
MAX_NEIGHBOURS = 300  # headwords looked through for another form of a word
MAX_ENDING = 4  # letters by which two forms of a word differ
MAX_WORDS = 3  # of a translation; longer ones are explanations

NOTES = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|/[^/\s][^/]*/|^\s*\d+\.\s*|\"")
SEPARATOR = re.compile(r"\s*[,;/]\s*")

Stem = Callable[[str], str]
"""Return what all forms of a word have in common; empty where that would be too short to tell."""


class Dictionaries:
    """The dictionaries in one folder, each opened at its first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opening = threading.Lock()
        self._opened: dict[tuple[str, str], BilingualDictionary | None] = {}

    def open(self, source: str, target: str) -> BilingualDictionary | None:
        """Return the dictionary from one language to another; None where none is installed."""
        with self._opening:
            if (source, target) not in self._opened:
                forward, backward = self._file(source, target), self._file(target, source)
                if backward is not None and backward.size > MAX_READ_WHOLE:
                    backward = None
                self._opened[source, target] = (
                    BilingualDictionary(forward, backward) if forward or backward else None
                )
            return self._opened[source, target]

    def _file(self, source: str, target: str) -> DictionaryFile | None:
        if source not in CODES or target not in CODES:
            return None
        index = self._folder / f"freedict-{CODES[source]}-{CODES[target]}.index"
        text = index.with_suffix(".dict.dz")
        return DictionaryFile(index, text) if index.is_file() and text.is_file() else None


class BilingualDictionary:
    """Translations of words, from a dictionary of this direction and from a small one of the other."""

    def __init__(self, forward: DictionaryFile | None, backward: DictionaryFile | None) -> None:
        self._forward = forward
        self._backward = backward
        self._reversed: dict[str, list[str]] | None = None
        self._stems: dict[str, list[str]] | None = None
        self._reading = threading.Lock()

    def translate(self, words: str, stem: Stem | None) -> list[str]:
        """Return the translations of a word or a phrase, the commonest first; none for an unknown one.

        With a stem those of its other forms follow: "neuen" alone is "new members", "neu" is "new".
        """
        wanted = words.lower()
        found = [*self._of_headword(wanted), *self._backwards().get(wanted, ())]
        if stem is not None and " " not in wanted and (own := stem(wanted)):
            for headword in self._other_forms(wanted, own, stem):
                found += self._of_headword(headword)
            found += self._by_stem(own, stem)
        if not found and wanted.endswith(("s", "x")):  # to the stemmer, French "loyers" is no form of "loyer"
            return self.translate(wanted[:-1], None)
        return list(dict.fromkeys(found))

    def _of_headword(self, headword: str) -> list[str]:
        if self._forward is None:
            return []
        with self._reading:
            entries = self._forward.entries(headword)[:MAX_ENTRIES]
        return [translation for entry in entries for translation in translations_in(entry)]

    def _other_forms(self, word: str, own: str, stem: Stem) -> list[str]:
        """Return the headwords that are another form of the word, the shortest first."""
        if self._forward is None:
            return []
        forms: dict[str, None] = {}
        for length in range(len(word) - 1, max(2, len(word) - MAX_ENDING - 1), -1):
            with self._reading:
                near = list(
                    self._forward.headwords(word[:length], MAX_NEIGHBOURS, longest=len(word) + MAX_ENDING)
                )
            forms |= {headword: None for headword in near if headword != word and stem(headword) == own}
            if forms:
                break
        return sorted(forms, key=len)[:3]

    def _backwards(self) -> dict[str, list[str]]:
        with self._reading:
            if self._reversed is None:
                reversed_entries: dict[str, list[str]] = defaultdict(list)
                for headword, entry in self._backward.all_entries() if self._backward else ():
                    for translation in translations_in(entry):
                        reversed_entries[translation].append(headword)
                self._reversed = dict(reversed_entries)
            return self._reversed

    def _by_stem(self, own: str, stem: Stem) -> list[str]:
        if self._stems is None:
            stems: dict[str, list[str]] = defaultdict(list)
            for word, headwords in self._backwards().items():
                if " " not in word and (form := stem(word)):
                    stems[form] += headwords
            self._stems = dict(stems)
        return self._stems.get(own, [])


class DictionaryFile:
    """One file of dictd's: an index of sorted headwords, and a gzip text in pieces that can be read alone."""

    def __init__(self, index: Path, text: Path) -> None:
        try:
            with index.open("rb") as file:
                self._index = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            with text.open("rb") as file:
                self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._length, self._starts = _pieces(self._text)
        except (OSError, ValueError, struct.error) as error:
            raise InputError(
                "The dictionary {path} cannot be read: {error}. Install its package again, or set "
                "DOCENT_DICTIONARIES to another folder.",
                path=text,
                error=error,
            ) from error
        self.size = len(self._text)
        self._piece = lru_cache(PIECES)(self._decompress)

    def entries(self, headword: str) -> list[str]:
        """Return the entries of a headword, in lower case."""
        key = headword.encode() + b"\t"
        found = []
        at = self._position(key)
        while self._index[at : at + len(key)] == key:
            found.append(self._entry(self._line(at)))
            at = self._next(at)
        return found

    def headwords(self, beginning: str, most: int, *, longest: int) -> Iterator[str]:
        """Yield single words that begin like this, of so many letters at most."""
        key = beginning.encode()
        at = self._position(key)
        while most and self._index[at : at + len(key)] == key:
            headword = self._line(at).partition(b"\t")[0].decode()
            if " " not in headword and len(headword) <= longest:
                most -= 1
                yield headword
            at = self._next(at)

    def all_entries(self) -> Iterator[tuple[str, str]]:
        at = 0
        while at < len(self._index):
            line = self._line(at)
            headword = line.partition(b"\t")[0].decode()
            if headword and not headword.startswith("00database"):
                yield headword, self._entry(line)
            at = self._next(at)

    def _position(self, key: bytes) -> int:
        """Return where the first line begins that is not before the key."""
        low, high = 0, len(self._index)
        while low < high:
            middle = self._index.rfind(b"\n", 0, (low + high) // 2) + 1
            if middle < low:
                middle = low
            if self._line(middle)[: len(key)] < key:
                low = self._next(middle)
            else:
                high = middle
        return low

    def _line(self, at: int) -> bytes:
        end = self._index.find(b"\n", at)
        return self._index[at : end if end >= 0 else len(self._index)]

    def _next(self, at: int) -> int:
        end = self._index.find(b"\n", at)
        return end + 1 if end >= 0 else len(self._index)

    def _entry(self, line: bytes) -> str:
        _, offset, length = line.split(b"\t")[:3]
        start, size = _number(offset), _number(length)
        pieces = range(start // self._length, (start + size - 1) // self._length + 1)
        text = b"".join(self._piece(number) for number in pieces)
        begin = start - pieces.start * self._length
        return text[begin : begin + size].decode("utf-8", "replace")

    def _decompress(self, number: int) -> bytes:
        start, end = self._starts[number], self._starts[number + 1]
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self._text[start:end])


def _pieces(text: mmap.mmap) -> tuple[int, Sequence[int]]:
    """Return the length of a piece, and where each begins: dictzip writes it into gzip's extra field."""
    flags = text[3]
    extra = struct.unpack_from("<H", text, 10)[0] if flags & 4 else 0
    field = text[12 : 12 + extra]
    if field[:2] != b"RA":
        raise ValueError(Message("it is not compressed by dictzip"))
    _, length, count = struct.unpack_from("<HHH", field, 4)
    sizes = struct.unpack_from(f"<{count}H", field, 10)
    at = 12 + extra
    for flag in (8, 16):  # the file's name and a comment, each ended by a zero
        if flags & flag:
            at = text.find(b"\0", at) + 1
    at += 2 if flags & 2 else 0
    starts = [at]
    for size in sizes:
        starts.append(starts[-1] + size)
    return length, starts


def _number(digits: bytes) -> int:
    value = 0
    for digit in digits:
        value = value * 64 + DIGITS[digit]
    return value


def translations_in(entry: str) -> Iterator[str]:
    """Yield the translations of an entry, in lower case, without its examples, notes and references.

    >>> list(translations_in("Lohn /loːn/ <n>\\n1. wage <n>, (regular) pay\\n   Synonym: {Arbeitslohn}"))
    ['wage', 'pay']
    """
    for line in entry.split("\n")[1:]:
        if line.startswith(("   ", " see:")):
            continue
        for part in SEPARATOR.split(NOTES.sub(" ", line)):
            words = part.replace("‐", "-").lower().split()
            if len(words) > 1 and words[0] in ("to", "a", "an", "the", "sich"):
                words = words[1:]
            words = [word for word in words if not word.endswith((".", "..."))]
            if words and len(words) <= MAX_WORDS:
                yield " ".join(words)
