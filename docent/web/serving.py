"""One process that serves the chat: what it opens, what it defends, where it listens."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import chainlit.server
import uvicorn
from chainlit.auth import ensure_jwt_secret
from chainlit.config import config, load_module
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from docent.assembly import House, open_house
from docent.errors import DocentError
from docent.glossary import Citation
from docent.settings import Settings
from docent.web.defences import SHOWN_ALONE, fortify
from docent.web.listening import ANYWHERE, address, open_to_others
from docent.web.page import without_foreign_links
from docent.web.sources import PREFIX, Signer, cited_page, secret_of

APP = Path(__file__).resolve().parent.parent.parent / "app.py"


def prepare() -> None:
    """Read the settings and put the defences up; everything that needs no document."""
    settings = Settings.read()
    app = chainlit.server.app
    fortify(app, chainlit.server.sio, hosts=_hosts(settings))
    if not hasattr(app.state, "original_page"):
        app.state.original_page = chainlit.server.get_html_template
    chainlit.server.get_html_template = lambda root: without_foreign_links(app.state.original_page(root))
    app.router.routes[:] = [
        OURS,
        *(route for route in app.router.routes if getattr(route, "path", "") != OURS.path),
    ]
    app.state.settings = settings
    if getattr(app.state, "house", None) is not None:  # the code was reloaded under a running server
        open_doors()


def open_doors() -> None:
    """Open the house once for this code; what older code opened is closed first, storage has one owner."""
    state = chainlit.server.app.state
    if getattr(state, "opened_by", None) is open_house:
        return
    close_doors()
    state.house = open_house(state.settings)
    state.signer = Signer(secret_of(state.settings.storage))
    state.opened_by = open_house
    state.house.warm()
    state.house.work()


def close_doors() -> None:
    state = chainlit.server.app.state
    if getattr(state, "house", None) is not None:
        state.house.close()
    state.house = state.opened_by = None


def house() -> House:
    opened: House = chainlit.server.app.state.house
    return opened


def link(citation: Citation) -> str:
    signer: Signer = chainlit.server.app.state.signer
    return signer.link(citation, reader=None)


async def source(request: Request) -> Response:
    """The cited page: a PDF opens at it with the sentence highlighted, anything else as its text."""
    try:
        place = chainlit.server.app.state.signer.place(request.path_params["token"])
        body, media_type = await asyncio.to_thread(cited_page, house().store, place)
    except DocentError as error:
        return PlainTextResponse(str(error), status_code=404)
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": SHOWN_ALONE}
    return Response(body, media_type=media_type, headers=headers)


OURS = Route(PREFIX + "/{token}/{name:path}", source)


def serve(settings: Settings) -> None:
    """Serve until stopped."""
    config.run.host, config.run.port = settings.host, settings.port
    config.run.headless = True
    config.run.module_name = str(APP)
    load_module(str(APP))
    ensure_jwt_secret()
    open_doors()
    if (warning := open_to_others(settings)) is not None:
        print(warning, file=sys.stderr)
    print(f"Docent is at {address(settings)} (stop it with Ctrl+C)", flush=True)
    uvicorn.run(
        chainlit.server.app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
        server_header=False,
    )


def _hosts(settings: Settings) -> list[str]:
    return [*settings.allowed_hosts, *([] if settings.host in ANYWHERE else [settings.host])]
