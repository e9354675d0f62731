"""A stand-in for a server of S3's protocol: one bucket in memory, which outlives a stop of the server.

It speaks as S3 does what a store of files needs: put in one request or in parts, get a range, head, delete
one or several, and list in pages. `TEST_S3_ENDPOINT` names another server to run the contract suite with, as
one of moto or MinIO; it must have a bucket called `docent` and take the keys below.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from tests.ports import free_port

BUCKET = "docent"
KEY = "docent-key"
SECRET = "docent-secret"
PAGE = 3
"""Objects in a page of a list; S3 has 1,000."""
ANOTHER = "TEST_S3_ENDPOINT"


class S3Server:
    """A server on a port of 127.0.0.1 that can be stopped and started again with what it holds."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.objects: dict[str, tuple[bytes, float]] = {}
        """By key: the content, and when it was stored."""
        self.requests: list[tuple[str, str]] = []
        """Method and key of each request."""
        self._changed = threading.Condition()
        self._held = ""
        self._waiting: list[str] = []
        self.start()

    def hold(self, method: str) -> None:
        """Let the next request of a method wait until `let_go`."""
        with self._changed:
            self._held = method

    def let_go(self) -> None:
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def wait_until_held(self) -> None:
        """Return once a request waits."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._waiting, timeout=60)

    def note(self, method: str, key: str) -> None:
        """Take down a request, which waits if it is the next of the method that is held."""
        with self._changed:
            self.requests.append((method, key))
            if method == self._held:
                self._held = ""
                self._waiting.append(key)
                self._changed.notify_all()
                self._changed.wait_for(lambda: key not in self._waiting)

    def start(self) -> None:
        state = self

        class Handler(_Handler):
            server_state = state

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop it, and close the connections that are open."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: S3Server
    # Each request has a connection of its own, so that a stop leaves none open.
    protocol_version = "HTTP/1.0"
    uploads: dict[str, dict[int, bytes]] = {}

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server_state.note("DELETE" if "delete" in query else self.command, key)
        if f"Credential={KEY}/" not in self.headers.get("authorization", ""):
            return self._refuse(403, "InvalidAccessKeyId")
        if bucket != BUCKET:
            return self._refuse(404, "NoSuchBucket")
        if self.command == "PUT":
            return self._put(key, query, body)
        if self.command == "POST":
            return self._delete_several(body) if "delete" in query else self._post(key, query)
        if self.command == "DELETE":
            self.server_state.objects.pop(key, None)
            return self._answer(204)
        if not key:
            return self._list(query)
        if key not in self.server_state.objects:
            return self._refuse(404, "NoSuchKey")
        return self._get(*self.server_state.objects[key])

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _put(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            self.uploads[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self._store(key, body)
        self._answer(200, headers={"ETag": _etag(body)})

    def _post(self, key: str, query: dict[str, str]) -> None:
        if "uploads" in query:
            upload = uuid.uuid4().hex
            self.uploads[upload] = {}
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
        pieces = self.uploads.pop(query["uploadId"])
        content = b"".join(pieces[number] for number in sorted(pieces))
        self._store(key, content)
        return self._xml("CompleteMultipartUploadResult", f"<ETag>{escape(_etag(content))}</ETag>")

    def _delete_several(self, body: bytes) -> None:
        keys = re.findall(r"<Key>([^<]*)</Key>", body.decode())
        for key in keys:
            self.server_state.objects.pop(key, None)
        self._xml("DeleteResult", "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys))

    def _get(self, content: bytes, stored: float) -> None:
        headers = {"Last-Modified": formatdate(stored, usegmt=True), "ETag": _etag(content)}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        if wanted is None:
            return self._answer(200, content, headers)
        first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self._answer(206, content[first : last + 1], headers)

    def _list(self, query: dict[str, str]) -> None:
        objects = sorted(self.server_state.objects.items())
        after = query.get("continuation-token", "")
        listed = [
            (key, *value) for key, value in objects if key.startswith(query.get("prefix", "")) and key > after
        ]
        page, more = listed[:PAGE], len(listed) > PAGE
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_iso(stored)}</LastModified>"
            f"<ETag>{escape(_etag(content))}</ETag><Size>{len(content)}</Size></Contents>"
            for key, content, stored in page
        )
        following = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>"
        self._xml("ListBucketResult", f"<Name>{BUCKET}</Name>{truncated}{contents}{following}")

    def _store(self, key: str, content: bytes) -> None:
        self.server_state.objects[key] = (content, time.time())

    def _xml(self, name: str, inside: str) -> None:
        xml = (
            f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        )
        self._answer(200, f"{xml}{inside}</{name}>".encode(), {"Content-Type": "application/xml"})

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a server of objects, also for the processes that a test starts."""
    server = None if os.environ.get(ANOTHER) else S3Server()
    endpoint = server.endpoint if server else os.environ[ANOTHER]
    yield endpoint
    if server is not None:
        server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty folder in a bucket, which is this test's own."""
    name_server(s3_endpoint, monkeypatch)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A server of this test's own, which it may stop."""
    server = S3Server()
    name_server(server.endpoint, monkeypatch)
    yield server
    server.let_go()
    server.stop()


def name_server(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ_of(endpoint).items():
        monkeypatch.setenv(name, value)


def environ_of(endpoint: str) -> dict[str, str]:
    """Return the variables that name a server, as AWS's own tools are told of it."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
