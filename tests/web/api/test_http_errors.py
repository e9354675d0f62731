"""Errors of Docent as the API reports them to a program."""

from __future__ import annotations

import pytest

from docent import errors
from docent.web.api.http_errors import refusal_for


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (errors.UnknownDocument, 404, "not_found"),
        (errors.UnknownLibrary, 404, "not_found"),
        (errors.InputError, 400, "invalid_request"),
        (errors.HarmfulFile, 422, "unreadable_file"),
        (errors.EncryptedFile, 422, "unreadable_file"),
        (errors.ModelTimeout, 503, "unavailable"),
        (errors.StorageBusy, 503, "unavailable"),
        (errors.EmbeddingError, 500, "failed"),
    ],
)
def test_each_error_has_its_status(kind, status, code):
    """Errors of the client get a 4xx and errors of the server a 5xx, each with its sentence."""
    refusal = refusal_for(kind("Do this."))
    assert (refusal.status, refusal.code, str(refusal)) == (status, code, "Do this.")
