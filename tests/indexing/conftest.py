"""The packaged model's own tokenizer: counting is never faked."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from docent.indexing.embedder import packaged_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return packaged_tokenizer()
