"""nginx with the configuration that the project carries, before replicas on ports of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.cluster.replicas import ROOT, WebReplica, until
from tests.ports import free_port

CONFIGURATION = ROOT / "deploy" / "nginx" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NO_NGINX = "" if NGINX else "nginx is not installed here (Debian's package nginx-light)"


@contextmanager
def balanced(first: WebReplica, second: WebReplica, *, sticky: bool = True) -> Iterator[str]:
    """Run nginx before two replicas, which it calls web1 and web2, and yield its URL."""
    assert NGINX is not None, NO_NGINX
    text = CONFIGURATION.read_text()
    for name, replica in (("web1", first), ("web2", second)):
        text = text.replace(f"server {name}:8000", f"server 127.0.0.1:{replica.port}")
        text = re.sub(rf"^( +){name} {name};", rf"\1{replica.name} {name};", text, flags=re.MULTILINE)
    if not sticky:  # each request to the replica with fewer connections, as without this configuration
        text = text.replace("proxy_pass http://$replica", "proxy_pass http://any")
        text = text.replace("least_conn;", "")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="docent-nginx-") as folder:
        text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace(" /tmp/", f" {folder}/")
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(text)
        Path(folder).chmod(0o755)  # its workers have another user where this is root
        log = (Path(folder) / "log").open("w")
        command = [NGINX, "-p", folder, "-c", str(configuration), "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _answers(url) or process.poll() is not None, within=20)
            assert process.poll() is None, (Path(folder) / "log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)
            log.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False
