"""Hostile files that are sent to the documents page, and names of files that are sent in the chat."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib

import pytest
from PIL import Image

from docent.types import Scope, State
from tests.loading import offices
from tests.loading.test_hostile_files import BILLION_LAUGHS, PARTS
from tests.web.chat.test_upload_routes import client as chat
from tests.web.chat.test_upload_routes import send as send_in_chat
from tests.web.chat.test_upload_routes import session
from tests.web.test_library import client, docent, names, send

__all__ = ["chat", "client", "docent", "session"]

MARKS = "\u202e\u2066\u200f"
"""Marks that turn the text around them."""


def bomb(package: bytes) -> bytes:
    """A container whose entries unpack to two gigabytes each, by their own account."""
    data = bytearray(package)
    at = data.index(b"PK\1\2")
    while data[at : at + 4] == b"PK\1\2":
        data[at + 24 : at + 28] = struct.pack("<I", 2_000_000_000)
        at += 46 + sum(struct.unpack("<HHH", data[at + 28 : at + 34]))
    return bytes(data)


def picture(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says that it has this many pixels."""
    out = io.BytesIO()
    Image.new("1", (40, 40)).save(out, "PNG")
    head = struct.pack(">4sIIBBBBB", b"IHDR", width, height, 1, 0, 0, 0, 0)
    data = bytearray(out.getvalue())
    data[12:33] = head + struct.pack(">I", zlib.crc32(head))
    return bytes(data)


HOSTILE = {
    **{
        f"entities.{name.partition('.')[2]}": (
            offices.with_part(package, part, f"{BILLION_LAUGHS}<a>&l9;</a>"),
            "declares XML entities",
        )
        for name, (package, part) in PARTS.items()
    },
    **{
        f"bomb.{name.partition('.')[2]}": (bomb(package), "expands to")
        for name, (package, _) in PARTS.items()
    },
    "wide.png": (picture(50_000, 50_000), "too many pixels"),
}


async def test_hostile_files_are_refused_and_the_others_read(client, docent):
    """Bombs, entities and a picture of 50,000 × 50,000 pixels, sent with a letter: each is listed with
    the reason that it was not read, and the letter is found."""
    async with client("ann") as ann:
        sent = {name: await send(ann, name, content) for name, (content, _) in HOSTILE.items()}
        sent["letter.txt"] = await send(ann, "letter.txt", "The heron stands by the weir at dusk.")
        assert {reply.status_code for reply in sent.values()} == {201}
        reader = Scope(reader="ann")
        stored = {name: docent.store.document(reply.json()["id"], reader) for name, reply in sent.items()}
        while not all(each.state in (State.READY, State.FAILED) for each in stored.values()):
            await asyncio.sleep(0.1)
            stored = {name: docent.store.document(each.id, reader) for name, each in stored.items()}
        reasons = {name: str(each.reason) for name, each in stored.items() if each.state is State.FAILED}
        assert {name for name, (_, why) in HOSTILE.items() if why in reasons.get(name, "")} == set(HOSTILE)
        assert docent.retrieve("Where does the heron stand?", reader, 1)[0].file == "letter.txt"
    for each in stored.values():
        docent.store.delete(each.id, reader)
    assert not {*HOSTILE, "letter.txt"} & set(names(docent, "ann"))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../../escaped.txt", id="a path"),
        pytest.param("/escaped.txt", id="an absolute path"),
        pytest.param("..\\..\\escaped.txt", id="a Windows path"),
        pytest.param("a\0escaped.txt", id="NUL"),
        pytest.param(f"a{MARKS}txt.escaped.txt", id="marks that turn the text"),
        pytest.param("CON.txt", id="a device of Windows"),
        pytest.param("a" * 300 + ".txt", id="a long name"),
        pytest.param("=HYPERLINK(1).csv", id="a formula"),
    ],
)
def test_a_name_sent_in_the_chat_means_no_path(chat, session, docent, tmp_path, name):
    """The file waits under a random name in its session's folder, and is stored under a plain one."""
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    reply = send_in_chat(chat, session.id, b"words", name)
    assert reply.status_code == 200
    [key] = session.files
    [written] = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert written == session.files_dir / key
    ticket = docent.add_upload(written, name=session.files[key]["name"], library="uploads", owner="ada")
    assert not set(ticket.name) & {"/", "\\", "\0", *MARKS}
    assert len(ticket.name.encode()) <= 200
