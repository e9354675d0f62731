"""A link to a source opens exactly the cited place, and cannot be turned into another."""

from __future__ import annotations

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest

from docent.errors import UnknownDocument
from docent.types import Citation
from docent.web.chat.cited_sources import CitedPlace, LinkSigner
from docent.web.storage_files import installation_secret

CITATION = Citation(
    n=1, chunk_id="c", document_id="d" * 32, file="Menü 🍜 / été.pdf", library="l", page=2, page_label="",
    place="p. 2", start=5, end=9, quote="soup",
)  # fmt: skip


def parts(link: str) -> tuple[str, str]:
    token, name = link.removeprefix("/source/").partition("#")[0].split("/")
    return token, unquote(name)


def test_a_link_names_its_place():
    """Verifying a link returns its place, and the link ends with the file's name."""
    signer = LinkSigner(b"secret")
    token, name = parts(signer.link(CITATION, reader="me"))
    assert name == CITATION.file
    assert signer.verify(token) == CitedPlace("d" * 32, 2, ((5, 9),), "me")


def test_a_changed_link_opens_nothing():
    """Another page under the old signature is refused."""
    signer = LinkSigner(b"secret")
    token, _ = parts(signer.link(CITATION, reader=None))
    body, signature = token.split(".")
    place = json.loads(base64.urlsafe_b64decode(body + "=="))
    place["page"] = 3
    forged = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    with pytest.raises(UnknownDocument):
        signer.verify(f"{forged}.{signature}")


@pytest.mark.parametrize("token", ["", ".", "x", "x.y", "é.ü", "a" * 10_000])
def test_a_malformed_link_opens_nothing(token):
    """Any other token is refused with a sentence."""
    with pytest.raises(UnknownDocument):
        LinkSigner(b"secret").verify(token)


def test_another_installation_signs_differently():
    """A link made elsewhere is refused."""
    token, _ = parts(LinkSigner(b"theirs").link(CITATION, reader=None))
    with pytest.raises(UnknownDocument):
        LinkSigner(b"ours").verify(token)


def test_the_secret_is_made_once_and_private(tmp_path):
    """The same secret at every start, readable by its owner only."""
    first = installation_secret(tmp_path)
    assert installation_secret(tmp_path) == first
    assert len(first) == 32
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_servers_that_start_at_once_share_one_secret(tmp_path):
    """A link that one signed at the very first start opens at the other, too."""
    with ThreadPoolExecutor(4) as pool:
        for n in range(50):
            made = set(pool.map(installation_secret, [tmp_path / str(n)] * 4))
            assert made == {installation_secret(tmp_path / str(n))}


def test_an_incomplete_secret_is_replaced(tmp_path):
    """A disk that was full at the first start does not leave a secret that can be guessed."""
    (tmp_path / "secret").write_bytes(b"")
    assert len(installation_secret(tmp_path)) == 32
