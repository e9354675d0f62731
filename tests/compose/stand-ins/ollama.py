#!/app/.venv/bin/python
"""The `ollama` command of the substitute image: serve, list, show and pull, as compose files use them."""

import json
import os
import sys
import urllib.error
import urllib.request

MANIFESTS = "/root/.ollama/manifests"
HOST = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434").replace("0.0.0.0", "127.0.0.1")


def call(path: str, body: dict | None = None):
    """Yield the lines of a response; exit with 1 when there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{HOST}{path}", data=data)
    try:
        with urllib.request.urlopen(request) as answer:
            for line in answer:
                yield json.loads(line)
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"Error: {error}")


def main() -> None:
    match sys.argv[1:]:
        case ["serve"]:
            os.chdir("/stand-in")
            arguments = [
                "--host",
                "0.0.0.0",
                "--models",
                os.environ.get("MODELS", ""),
                "--manifests",
                MANIFESTS,
            ]
            os.execv(sys.executable, [sys.executable, "-m", "tests.fakes.ollama_server", *arguments])
        case ["list"]:
            for answer in call("/api/tags"):
                print("\n".join(model["name"] for model in answer["models"]))
        case ["show", name]:
            for answer in call("/api/show", {"model": name}):
                print(answer["details"])
        case ["pull", name]:
            for step in call("/api/pull", {"model": name}):
                print(step.get("error") or step["status"], step.get("completed", ""), flush=True)
                if "error" in step:
                    sys.exit(1)
        case _:
            sys.exit("Error: unknown command")


main()
