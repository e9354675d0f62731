"""Bilingual dictionaries in dictd's format, as `dictfmt` and `dictzip` of Debian write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def write_dictionary(folder: Path, pair: str, entries: Mapping[str, str], *, piece: int = 300) -> None:
    """Write freedict-PAIR.index and .dict.dz; each entry is a headword with what stands below it."""
    text, lines = b"", [b"00databaseinfo\tA\tA"]
    for headword, body in entries.items():
        entry = f"{headword} /x/ <n>\n{body}\n".encode()
        lines.append(f"{headword.lower()}\t{number(len(text))}\t{number(len(entry))}".encode())
        text += entry
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / f"freedict-{pair}.index"
    index.write_bytes(b"\n".join(sorted(lines, key=lambda line: line.partition(b"\t")[0])) + b"\n")
    index.with_suffix(".dict.dz").write_bytes(dictzip(text, piece))


def dictzip(text: bytes, piece: int) -> bytes:
    """Compress as dictzip does: gzip whose pieces of equal length can be read alone."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    pieces = [
        compressor.compress(text[start : start + piece]) + compressor.flush(zlib.Z_FULL_FLUSH)
        for start in range(0, len(text), piece)
    ]
    sizes = struct.pack(f"<{len(pieces)}H", *map(len, pieces))
    field = b"RA" + struct.pack("<HHHH", 6 + len(sizes), 1, piece, len(pieces)) + sizes
    header = b"\x1f\x8b\x08\x04" + bytes(6) + struct.pack("<H", len(field)) + field
    end = compressor.flush() + struct.pack("<II", zlib.crc32(text), len(text))
    return header + b"".join(pieces) + end


def number(value: int) -> str:
    digits = ""
    while value or not digits:
        value, digit = divmod(value, 64)
        digits = DIGITS[digit] + digits
    return digits
