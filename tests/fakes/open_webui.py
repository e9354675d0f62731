"""A fake of Open WebUI's files and knowledge API: pages of PDFs, searched by the words they share."""

from __future__ import annotations

import io
import json
import re
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pypdf import PdfReader

KEY = "sk-fake"


class OpenWebUI(ThreadingHTTPServer):
    """Serves on a free port until closed; `files` and `bases` are its contents."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, Any]] = {}
        self.bases: dict[str, list[str]] = {}
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: OpenWebUI

    def do_GET(self) -> None:
        if self._authenticated() and self.path.endswith("/process/status"):
            self._respond({"status": "completed"})

    def do_DELETE(self) -> None:
        if self._authenticated():
            *_, key = self.path.removesuffix("/delete").split("/")
            self.server.files.pop(key, None)
            self.server.bases.pop(key, None)
            self._respond({"status": True})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._authenticated():
            return
        if self.path == "/api/v1/files/":
            name, content = _uploaded_file(self.headers, body)
            key = f"file{len(self.server.files)}"
            pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
            self.server.files[key] = {"name": name, "pages": pages}
            self._respond({"id": key, "filename": name})
        elif self.path == "/api/v1/knowledge/create":
            self.server.bases["base"] = []
            self._respond({"id": "base"})
        elif self.path == "/api/v1/knowledge/base/file/add":
            self.server.bases["base"].append(json.loads(body)["file_id"])
            self._respond({"id": "base"})
        elif self.path == "/api/v1/retrieval/query/collection":
            self._respond(self._search_pages(json.loads(body)))

    def _search_pages(self, query: dict[str, Any]) -> dict[str, Any]:
        words = set(_words(query["query"]))
        pages = [
            (len(words & set(_words(text))), {"name": file["name"], "page": number}, text)
            for base in query["collection_names"]
            for key in self.server.bases[base]
            for file in [self.server.files[key]]
            for number, text in enumerate(file["pages"])
        ]
        best = sorted(pages, key=lambda page: -page[0])[: query["k"]]
        return {"metadatas": [[page[1] for page in best]], "documents": [[page[2] for page in best]]}

    def _authenticated(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {KEY}":
            return True
        self._respond({"detail": "Not authenticated"}, 401)
        return False

    def _respond(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _uploaded_file(headers: Message, body: bytes) -> tuple[str, bytes]:
    """Return the name and content of the one file of a form."""
    boundary = headers.get_param("boundary")
    part = body.split(f"--{boundary}".encode())[1]
    head, _, content = part.partition(b"\r\n\r\n")
    name = re.search(rb'filename="([^"]+)"', head)
    assert name is not None
    return name.group(1).decode(), content.removesuffix(b"\r\n")
