"""One process that serves the chat: what it opens, what it defends, where it listens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import chainlit.server
import uvicorn
from chainlit.auth import ensure_jwt_secret
from chainlit.config import config, load_module

from docent.app import Docent, open_docent
from docent.errors import StoreError
from docent.settings import Settings
from docent.web import listen_address, logs, socket_packets, upload_dir
from docent.web.accounts.keys import Keys
from docent.web.accounts.login import Door, install
from docent.web.accounts.users import Users
from docent.web.api import application
from docent.web.api.access import Gate
from docent.web.api.middleware import Door as ApiDoor
from docent.web.api.shutdown import Server
from docent.web.chat import conversation, file_scope, socket_events, upload_routes
from docent.web.chat.history import History
from docent.web.chat.source_links import LinkSigner, installation_secret
from docent.web.connection_limits import BoundedConnection, raise_file_limit
from docent.web.documents import routes as documents
from docent.web.index_page import about, without_foreign_links
from docent.web.listen_address import ANYWHERE, address, open_to_others
from docent.web.metrics import Metrics
from docent.web.routes import routes, unavailable
from docent.web.security import fortify

APP = Path(__file__).resolve().parent.parent.parent / "app.py"


def prepare() -> None:
    """Read the settings and put the defences up; everything that needs no document."""
    settings = Settings.read()
    app = chainlit.server.app
    upload_dir.keep_apart()
    logs.configure(settings.log)
    _open_api(app, settings)
    fortify(app, chainlit.server.sio, hosts=_hosts(settings))
    socket_events.extend(chainlit.server.sio, start=lambda: conversation.start(docent=docent()))
    socket_packets.check(chainlit.server.sio)
    if not hasattr(app.state, "original_page"):
        app.state.original_page = chainlit.server.get_html_template
    chainlit.server.get_html_template = lambda root: without_foreign_links(app.state.original_page(root))
    chainlit.server.get_markdown_str = about  # type: ignore[attr-defined]  # imported there
    ours = [*routes(), *documents.routes()]
    paths = {route.path for route in ours}
    app.router.routes[:] = [*ours, *(r for r in app.router.routes if getattr(r, "path", "") not in paths)]
    app.state.settings = settings
    upload_routes.configure_uploads(settings)
    secret = installation_secret(settings.storage)
    app.state.signer = LinkSigner(secret)
    app.state.door = Door(settings, secret=secret)
    install(app.state.door, secret=secret)
    if getattr(app.state, "docent", None) is not None:  # the code was reloaded under a running server
        open_doors()


def _open_api(app: Any, settings: Settings) -> None:
    """Put the API before the chat; it asks for a key wherever people log in."""
    state = app.state
    if not hasattr(state, "metrics"):
        state.metrics = Metrics()
        app.add_middleware(ApiDoor, api=lambda: state.api, metrics=state.metrics)
        app.add_exception_handler(StoreError, unavailable)
    users = Users(settings.storage)
    gate = Gate(
        Keys(settings.storage),
        keyless=lambda: not listen_address.login_required(settings) and not users.all(),
    )
    state.api = application.build(
        docent=lambda: getattr(state, "docent", None),
        gate=gate,
        metrics=state.metrics,
        largest_upload=settings.max_file_mb * 1_000_000,
        footnotes=settings.api_footnotes,
    )


def open_doors() -> None:
    """Open the house once for this code; what older code opened is closed first, storage has one owner."""
    state = chainlit.server.app.state
    if getattr(state, "opened_by", None) is open_docent:
        return
    close_doors()
    state.docent = open_docent(state.settings)
    state.opened_by = open_docent
    state.docent.warm()
    state.docent.work()


def close_doors() -> None:
    state = chainlit.server.app.state
    if getattr(state, "docent", None) is not None:
        state.docent.close()
    state.docent = state.opened_by = None


def state() -> Any:
    """Everything that is open: the house, the history, the signer."""
    return chainlit.server.app.state


def docent() -> Docent:
    opened: Docent = chainlit.server.app.state.docent
    return opened


def metrics() -> Metrics:
    counted: Metrics = chainlit.server.app.state.metrics
    return counted


def history() -> History:
    """The conversations; opened once, Chainlit keeps asking the same one."""
    state = chainlit.server.app.state
    if getattr(state, "history", None) is None:
        state.history = History(state.settings.storage)
        state.history.on_thread_deleted = lambda user, thread: file_scope.delete_conversation_files(
            docent(), user, thread
        )
        state.history.user_exists = lambda user: state.door.knows(user)
    opened: History = state.history
    return opened


def serve(settings: Settings) -> None:
    """Serve until stopped."""
    config.run.host, config.run.port = settings.host, settings.port
    config.run.headless = True
    config.run.module_name = str(APP)
    load_module(str(APP))
    ensure_jwt_secret()
    open_doors()
    history()  # here, where what keeps it from being opened is still told as a sentence
    if (warning := open_to_others(settings)) is not None:
        print(warning, file=sys.stderr)
    print(f"Docent is at {address(settings)} (stop it with Ctrl+C)", flush=True)
    raise_file_limit()
    server = Server(
        uvicorn.Config(
            chainlit.server.app,
            http=BoundedConnection,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=5,
            server_header=False,
        ),
        chainlit.server.app.state.api.state.stopping,
    )
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    if not server.started:
        sys.exit(3)  # as uvicorn.run does


def _hosts(settings: Settings) -> list[str]:
    return [*settings.allowed_hosts, *([] if settings.host in ANYWHERE else [settings.host])]
