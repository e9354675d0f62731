"""Start and stop the one process that serves the chat and the HTTP API, and bound its connections."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sys
from pathlib import Path
from typing import Any

import chainlit.config
import chainlit.server
import uvicorn
from chainlit.auth import ensure_jwt_secret
from chainlit.config import config, load_module
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from docent.app import Docent, open_docent
from docent.app.record_transfer import records_left
from docent.app.summary_backlog import summarise_ahead
from docent.errors import InputError, SettingsError, StoreError
from docent.resources import FILES
from docent.settings import Settings
from docent.tracing import open_tracer
from docent.web import first_run, listen_address, page_shell
from docent.web.accounts.api_keys import ApiKeys
from docent.web.accounts.key_rates import open_rate_limiter
from docent.web.accounts.login import Authenticator, install
from docent.web.accounts.users import Users
from docent.web.admin import admin_routes, group_routes, people_routes
from docent.web.api import application
from docent.web.api.access import AccessControl
from docent.web.api.chat_completions import ShutdownSignal
from docent.web.api.middleware import ApiMiddleware
from docent.web.audit import audit_routes
from docent.web.audit.audit_log import AuditLog
from docent.web.audit.audited_requests import AuditedRequests
from docent.web.chat import (
    context_chart,
    conversation,
    file_scope,
    model_panel,
    socket_events,
    table_runs,
    upload_routes,
)
from docent.web.chat.cited_sources import LinkSigner
from docent.web.chat.history import History
from docent.web.chat.history_transfer import left_in_storage
from docent.web.chat.model_download import ModelDownloads
from docent.web.chat.start_questions import prepare_start_questions
from docent.web.documents import routes as documents
from docent.web.draining import drain
from docent.web.input_checks import install_packet_checks
from docent.web.monitoring import Metrics, configure_logging
from docent.web.page_routes import routes, unavailable
from docent.web.replica_cookie import ReplicaCookie
from docent.web.security import secure_app
from docent.web.sharing import share_routes
from docent.web.sources import source_routes
from docent.web.storage_files import installation_secret
from docent.web.tables import table_routes
from docent.web.traced_requests import TracedRequests

APP = FILES / "app.py"

HEADER_SECONDS = 30.0
"""From the opening of a connection, or the first byte of its next request, to the end of the headers."""
MOST_CONNECTIONS = 2_000
LEAST_FILES = 256
OWN_FILES = 128
"""Files that Docent itself holds open: 60 when idle, and some for each answer under way."""
MOST_OF_ONE_ADDRESS = 500
"""Fifty people behind one router hold about 350: a socket and up to six requests each."""

TOO_SLOW = b"The request did not come in time. Send it again.\n"
TOO_MANY = b"Too many connections are open here. Close some, or try again in a minute.\n"


def prepare() -> None:
    """Read the settings and install routes and defences: everything that needs no document."""
    settings = Settings.read()
    app = chainlit.server.app
    use_own_upload_folder()
    configure_logging(settings.log)
    _install_api(app, settings)
    hosts = [] if settings.host in listen_address.ANYWHERE else [settings.host]
    secure_app(app, chainlit.server.sio, hosts=[*settings.allowed_hosts, *hosts])
    socket_events.extend(chainlit.server.sio, start=lambda: conversation.start(docent=docent()))
    install_packet_checks(chainlit.server.sio)
    if not hasattr(app.state, "original_page"):
        app.state.original_page = chainlit.server.get_html_template
    chainlit.server.get_html_template = lambda root: page_shell.with_shell(
        page_shell.with_sources(page_shell.without_foreign_links(app.state.original_page(root)))
    )
    chainlit.server.get_markdown_str = page_shell.about  # type: ignore[attr-defined]  # imported there
    ours = [
        *routes(),
        *documents.routes(),
        *admin_routes.routes(),
        *people_routes.routes(),
        *group_routes.routes(),
        *audit_routes.routes(),
        *share_routes.routes(),
        *source_routes.routes(),
        *model_panel.routes(),
        *table_routes.routes(),
    ]
    ours += [*context_chart.routes(), *page_shell.routes(), *first_run.routes()]
    paths = {route.path for route in ours}
    app.router.routes[:] = [*ours, *(r for r in app.router.routes if getattr(r, "path", "") not in paths)]
    app.state.settings = settings
    upload_routes.configure_uploads(settings)
    secret = installation_secret(settings.storage, database_url=settings.database)
    app.state.signer = LinkSigner(secret)
    app.state.authenticator = Authenticator(settings, secret=secret, audit=state().metrics.audit)
    install(app.state.authenticator, secret=secret)
    if getattr(app.state, "docent", None) is not None:  # the code was reloaded under a running server
        open_once()


def _install_api(app: Any, settings: Settings) -> None:
    """Put the API before the chat; it asks for a key wherever people log in."""
    state = app.state
    if not hasattr(state, "metrics"):
        audit = AuditLog(settings.storage, days=settings.audit_days, database_url=settings.database)
        state.metrics = Metrics(audit)
        app.add_middleware(AuditedRequests, audit=audit)
        app.add_middleware(ApiMiddleware, api=lambda: state.api, metrics=state.metrics)
        app.add_exception_handler(StoreError, unavailable)
        if settings.traces_url:
            app.add_middleware(TracedRequests, tracer=open_tracer(settings.traces_url))
        if settings.replica:
            app.add_middleware(ReplicaCookie, name=settings.replica)
    users = Users(settings.storage, database_url=settings.database)
    access = AccessControl(
        ApiKeys(settings.storage, database_url=settings.database),
        keyless=lambda: not listen_address.login_required(settings) and not users.all(),
        rate_limiter=open_rate_limiter(settings.database),
    )
    state.api = application.build(
        docent=lambda: getattr(state, "docent", None),
        access=access,
        metrics=state.metrics,
        largest_upload=settings.max_file_mb * 1_000_000,
        footnotes=settings.api_footnotes,
    )


def open_once() -> None:
    """Open Docent if this code has not; close what older code opened first, as storage has one owner."""
    state = chainlit.server.app.state
    if getattr(state, "opened_by", None) is open_docent:
        return
    close()
    state.docent = open_docent(state.settings)
    state.downloads = ModelDownloads(state.docent.pull_model)
    state.samples = first_run.SampleReading(state.docent)
    state.opened_by = open_docent
    state.authenticator.follow_groups = state.docent.store.groups.follow_provider
    state.docent.warm()
    state.docent.work()
    prepare_start_questions(state.docent)
    summarise_ahead(state.docent)


def close() -> None:
    state = chainlit.server.app.state
    if getattr(state, "docent", None) is not None:
        state.docent.close()
    state.docent = state.opened_by = None


def state() -> Any:
    """Return what the server has open: docent, history, signer, authenticator and settings."""
    return chainlit.server.app.state


def docent() -> Docent:
    opened: Docent = state().docent
    return opened


def metrics() -> Metrics:
    counters: Metrics = state().metrics
    return counters


def history() -> History:
    """Return the conversations, opened once: Chainlit asks for its data layer again and again."""
    app_state = state()
    if getattr(app_state, "history", None) is None:
        app_state.history = History(app_state.settings.storage, database_url=app_state.settings.database)
        app_state.history.on_thread_deleted = lambda user, thread: file_scope.delete_conversation_files(
            docent(), user, thread
        )
        app_state.history.on_step_deleted = lambda user, metadata: table_runs.delete_unshown(
            metadata, docent=docent(), history=app_state.history, reader=user
        )
        app_state.history.user_exists = lambda user: app_state.authenticator.exists(user)
    opened: History = app_state.history
    return opened


class Server(uvicorn.Server):
    """End the API's answers before waiting for connections to close; one of several replicas drains first."""

    def __init__(self, config: uvicorn.Config, shutdown: ShutdownSignal, *, drains: bool) -> None:
        super().__init__(config)
        self._shutdown = shutdown
        self._drains = drains

    async def shutdown(self, sockets: Any = None) -> None:
        if self._drains:
            for listening in (*self.servers, *(sockets or ())):
                listening.close()
            await drain(chainlit.server.sio, self._shutdown, forced=lambda: self.force_exit)
        self._shutdown.begin()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve until stopped.

    Raises SettingsError where another start has taken the port since it was checked. uvicorn would log that,
    and Chainlit end the process with status 0.
    """
    raise_file_limit()
    config.run.host, config.run.port = settings.host, settings.port
    config.run.headless = True
    config.run.module_name = str(APP)
    load_module(str(APP))
    ensure_jwt_secret()
    open_once()
    history()  # here, where an error that prevents it is still shown as a sentence
    warnings = (listen_address.open_to_others(settings), left_in_storage(settings), records_left(settings))
    for warning in warnings:
        if warning is not None:
            print(warning, file=sys.stderr)
    try:
        listener = listen_address.listen(settings)
    except SettingsError:
        close()
        raise
    print(f"Docent is at {listen_address.address(settings)} (stop it with Ctrl+C)", flush=True)
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
        state().api.state.shutdown,
        drains=bool(settings.replica),
    )
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    if not server.started:
        sys.exit(3)  # as uvicorn.run does


# --- connections ---------------------------------------------------------------------------


def raise_file_limit() -> None:
    """Let this process hold as many connections as the machine allows; a shell often allows it 1,024.

    Raises InputError where it allows too few files for any work.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * MOST_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < LEAST_FILES:
        raise InputError(
            "This process may open only {allowed} files at once, and Docent needs {least}. Allow it more, "
            "for example with: ulimit -n 4096",
            allowed=wanted,
            least=LEAST_FILES,
        )


def most_connections() -> int:
    """Return how many connections leave enough files for what their requests open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, (soft - OWN_FILES) // 2)


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's protocol, which waits forever for headers and counts no connections, with bounds."""

    _timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._exceeds_limit():
            self._refuse(b"503 Service Unavailable", TOO_MANY)
        else:
            self._timeout = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._awaits_headers():
            self._stop_waiting()
        elif self._timeout is None:
            self._timeout = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _awaits_headers(self) -> bool:
        """Return True if the headers of a request are still to come. A WebSocket has another protocol."""
        upgraded = self.transport.get_protocol() is not self
        return not upgraded and (self.cycle is None or self.cycle.response_complete)

    def _stop_waiting(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _give_up(self) -> None:
        self._timeout = None
        if self._awaits_headers():
            self._refuse(b"408 Request Timeout", TOO_SLOW)

    def _exceeds_limit(self) -> bool:
        if len(self.connections) > most_connections():
            return True
        address = self.client[0] if self.client else None
        allowed = self.config.forwarded_allow_ips  # proxies; by default this machine
        proxies = allowed.split(",") if isinstance(allowed, str) else list(allowed)
        if address is None or not {address, "*"}.isdisjoint(proxies):
            return False
        peers = (getattr(other, "client", None) for other in self.connections)
        same: int = sum(peer is not None and peer[0] == address for peer in peers)
        return same > MOST_OF_ONE_ADDRESS

    def _refuse(self, status: bytes, sentence: bytes) -> None:
        if self.transport.is_closing():
            return
        headers = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close"
        self.transport.write(b"HTTP/1.1 %s\r\n" % status + headers % len(sentence) + b"\r\n\r\n" + sentence)
        self.transport.close()


# --- Chainlit's folder of uploads ----------------------------------------------------------


def use_own_upload_folder() -> None:
    """Give Chainlit a folder of this process' own for what a session uploads.

    Chainlit removes the folder when it ends: with the common one, that of a running server as well, and
    in a container, where `.files` is a mount, nothing that can be removed. A process that is killed removes
    nothing, so the next one does.
    """
    own = Path(chainlit.config.config.root) / ".files" / str(os.getpid())
    if own == chainlit.config.FILES_DIRECTORY:
        return  # the code was reloaded under a running server
    for folder in own.parent.glob("*"):
        if folder == own or not _is_in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    chainlit.config.FILES_DIRECTORY = own
    chainlit.server.FILES_DIRECTORY = own  # type: ignore[attr-defined]  # imported there by name


def _is_in_use(folder: Path) -> bool:
    """Return True for the folder of a running process, and for one that is not named by a number."""
    if os.name == "nt" or not folder.name.isdecimal():  # os.kill would end a Windows process
        return True
    try:
        os.kill(int(folder.name), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
