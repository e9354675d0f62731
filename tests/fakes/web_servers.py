"""Servers that sources read from, on 127.0.0.1: a site, a WebDAV folder, a bucket, a git host.

Each follows its protocol as far as a reader sees it, and records what it was asked.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class WebRequest:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebReply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[WebRequest], WebReply]


@dataclass
class LocalServer:
    url: str
    port: int
    asked: list[WebRequest] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


@contextmanager
def serving(answer: Answer) -> Iterator[LocalServer]:
    """Serve what `answer` returns for each request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = WebRequest(self.command, self.path, headers, body)
            here.asked.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            if reply.status != 304:
                self.wfile.write(reply.body)

        do_GET = do_POST = do_PROPFIND = handle_one

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    here = LocalServer(f"http://127.0.0.1:{port}", int(port))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Site:
    """Pages by path; each has an ETag of its bytes. A reply of any status may stand for a page."""

    def __init__(self, pages: dict[str, str | WebReply]) -> None:
        self.pages = pages

    def __call__(self, request: WebRequest) -> WebReply:
        page = self.pages.get(request.path)
        if page is None:
            return WebReply(404, b"not found")
        if isinstance(page, WebReply):
            return page
        body = page.encode()
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return WebReply(304, headers={"etag": etag})
        kind = "text/plain" if request.path.endswith(".txt") else "text/html; charset=utf-8"
        return WebReply(body=body, headers={"content-type": kind, "etag": etag})


class WebDav:
    """Files by path below /dav/; folders are those of the paths. It asks for a password if one is given."""

    def __init__(self, files: dict[str, bytes], *, login: str = "") -> None:
        self.files = files
        self._login = login

    def __call__(self, request: WebRequest) -> WebReply:
        expected = f"Basic {base64.b64encode(self._login.encode()).decode()}"
        if self._login and request.headers.get("authorization") != expected:
            return WebReply(401, headers={"www-authenticate": 'Basic realm="dav"'})
        path = unquote(request.path).removeprefix("/dav/")
        if request.method == "GET":
            return WebReply(body=self.files[path]) if path in self.files else WebReply(404)
        assert request.method == "PROPFIND" and request.headers["depth"] == "1"
        folder = path.rstrip("/") + "/" if path else ""
        below = [name for name in self.files if name.startswith(folder)]
        if not below and folder:
            return WebReply(404)
        names = {name[len(folder) :].partition("/") for name in below}
        folders = {f"{folder}{first}/" for first, slash, _ in names if slash}
        entries = [self._entry(folder, None), *(self._entry(each, None) for each in sorted(folders))]
        entries += [
            self._entry(folder + first, self.files[folder + first]) for first, slash, _ in names if not slash
        ]
        xml = f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{"".join(entries)}</d:multistatus>'
        return WebReply(207, xml.encode(), {"content-type": "application/xml"})

    def _entry(self, path: str, content: bytes | None) -> str:
        kind = "<d:resourcetype><d:collection/></d:resourcetype>"
        if content is not None:
            etag = hashlib.md5(content).hexdigest()
            kind = f'<d:resourcetype/><d:getetag>"{etag}"</d:getetag>'
            kind += f"<d:getcontentlength>{len(content)}</d:getcontentlength>"
        status = "<d:status>HTTP/1.1 200 OK</d:status>"
        href = escape(quote(f"/dav/{path}"))
        found = f"<d:propstat><d:prop>{kind}</d:prop>{status}</d:propstat>"
        return f"<d:response><d:href>{href}</d:href>{found}</d:response>"


class ObjectStore:
    """Objects by key in one bucket, listed a few at a time; a request that `check` denies is refused."""

    def __init__(
        self,
        objects: dict[str, bytes],
        *,
        page: int = 2,
        check: Callable[[WebRequest], bool] = lambda _: True,
    ) -> None:
        self.objects = objects
        self._page = page
        self._check = check

    def __call__(self, request: WebRequest) -> WebReply:
        if not self._check(request):
            return WebReply(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        parts = urlsplit(request.path)
        key = unquote(parts.path).removeprefix("/bucket").lstrip("/")
        if key:
            return WebReply(body=self.objects[key]) if key in self.objects else WebReply(404)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        assert query["list-type"] == "2"
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        keys = [key for key in keys if key > query.get("continuation-token", "")]
        page, more = keys[: self._page], len(keys) > self._page
        contents = "".join(
            f'<Contents><Key>{escape(key)}</Key><ETag>"{hashlib.md5(self.objects[key]).hexdigest()}"</ETag></Contents>'
            for key in page
        )
        following = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        xml = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        xml += f"<IsTruncated>{str(more).lower()}</IsTruncated>{contents}{following}</ListBucketResult>"
        return WebReply(body=xml.encode(), headers={"content-type": "application/xml"})


class GitHost:
    """Repositories below a folder, served by git's own `http-backend`."""

    def __init__(self, folder: Path, *, login: str = "") -> None:
        self._folder = folder
        self._login = login

    def __call__(self, request: WebRequest) -> WebReply:
        expected = f"Basic {base64.b64encode(self._login.encode()).decode()}"
        if self._login and request.headers.get("authorization") != expected:
            return WebReply(401, headers={"www-authenticate": 'Basic realm="git"'})
        parts = urlsplit(request.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "HTTP_GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=request.body, env=environment, capture_output=True, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        return WebReply(status, body, headers)
