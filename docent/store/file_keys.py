"""Encryption of originals in a bucket, in the format of age: each has a key of its own.

The catalog holds these keys, encrypted with the one of DOCENT_FILES_KEY. Once the row of an original is gone,
nothing opens what is left of it in old versions of the bucket.
"""

from __future__ import annotations

import base64
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from docent.errors import StoreError

if TYPE_CHECKING:
    from pyrage import x25519


class FileKeys:
    """Makes, keeps and uses the keys of originals; without a secret it encrypts nothing."""

    def __init__(self, secret: str) -> None:
        """Take keys that `age-keygen` makes, separated by commas: the first encrypts, all of them decrypt."""
        if secret and find_spec("pyrage") is None:
            raise StoreError(
                "DOCENT_FILES_KEY encrypts the original files, which needs pyrage. Install it with: pip "
                "install 'docent-rag[cluster]' (in a checkout: make install-cluster)"
            )
        self._identities = [_identity(part.strip()) for part in secret.split(",") if part.strip()]

    def new(self) -> str:
        """Return a new key as the catalog holds it; empty where nothing is encrypted."""
        if not self._identities:
            return ""
        from pyrage import encrypt, x25519

        key = str(x25519.Identity.generate()).encode()
        return base64.b64encode(encrypt(key, [self._identities[0].to_public()])).decode()

    def encrypt(self, file: Path, target: Path, key: str) -> None:
        from pyrage import encrypt_file

        encrypt_file(str(file), str(target), [self._opened(key).to_public()])

    def decrypt(self, file: Path, target: Path, key: str) -> None:
        """Write the content of an encrypted file. Raises StoreError for one that this key does not open."""
        from pyrage import DecryptError, decrypt_file

        identity = self._opened(key)
        try:
            decrypt_file(str(file), str(target), [identity])
        except DecryptError as error:
            raise StoreError(
                "An original in the bucket of DOCENT_FILES_URL is damaged: it cannot be decrypted. Restore "
                "its earlier version there, or delete the document and add the file again."
            ) from error

    def _opened(self, key: str) -> x25519.Identity:
        refusal = StoreError(
            "An original was encrypted with another DOCENT_FILES_KEY. Set the one of before, after the "
            "present one and a comma if there is one."
        )
        if not self._identities:
            raise refusal
        from pyrage import DecryptError, decrypt

        try:
            return _identity(decrypt(base64.b64decode(key), self._identities).decode())
        except DecryptError as error:
            raise refusal from error


def _identity(text: str) -> x25519.Identity:
    from pyrage import IdentityError, x25519

    try:
        return x25519.Identity.from_str(text)
    except IdentityError as error:
        raise StoreError(
            "DOCENT_FILES_KEY is no key: it begins with AGE-SECRET-KEY-1. Make one with: age-keygen"
        ) from error
