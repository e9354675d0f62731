"""Check the address that the chat listens on, before anything slow is done."""

from __future__ import annotations

import errno
import os
import socket

from docent.errors import SettingsError
from docent.messages import Message
from docent.settings import Settings
from docent.web.accounts.users import Users

ANYWHERE = frozenset({"0.0.0.0", "::"})
BACKLOG = 2048
"""Connections that wait to be accepted; uvicorn's own number."""


def address(settings: Settings) -> str:
    """Return the URL that a person types into the browser."""
    name = "localhost" if settings.host in ANYWHERE | {"127.0.0.1", "::1"} else settings.host
    return f"http://[{name}]:{settings.port}" if ":" in name else f"http://{name}:{settings.port}"


def is_loopback(settings: Settings) -> bool:
    """Return True if only this machine reaches the chat; for a container DOCENT_PUBLISH decides."""
    reached_at = settings.publish or settings.host
    return reached_at in ("localhost", "::1") or reached_at.startswith("127.")


def login_required(settings: Settings) -> bool:
    """Return True if people must log in."""
    return settings.login == "on" or (settings.login == "auto" and not is_loopback(settings))


def open_to_others(settings: Settings) -> Message | None:
    """Return a warning if other machines can reach the chat without login; None if they cannot."""
    if is_loopback(settings) or login_required(settings):
        return None
    return Message(
        "{setting} and DOCENT_LOGIN is off: whoever can reach port {port} can read every document and every "
        "conversation. Keep others out by other means, or leave DOCENT_LOGIN out.",
        setting=_reached(settings),
        port=settings.port,
    )


def _reached(settings: Settings) -> Message:
    if settings.publish:
        return Message("DOCENT_PUBLISH is {value}", value=settings.publish)
    return Message("DOCENT_HOST is {value}", value=settings.host)


def check_login(settings: Settings) -> None:
    """Refuse to start if people must log in and there is no user."""
    if not login_required(settings) or Users(settings.storage, database_url=settings.database).all():
        return
    why = (
        ""
        if is_loopback(settings)
        else Message("{setting}, so other machines can reach it. ", setting=_reached(settings))
    )
    raise SettingsError(
        "The chat asks for a login, and there is no user yet. {why}Add one: python -m docent user "
        "add NAME --role admin. Or set DOCENT_LOGIN=off, if something else keeps others out.",
        why=why,
    )


def check(settings: Settings) -> None:
    """Refuse to start if there is nobody to log in, or the port cannot be used. Raises SettingsError."""
    listen(settings).close()


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens; who connects waits until the server accepts. Raises as `check` does."""
    check_login(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _bind_error(error, settings) from error


def _bind_error(error: OSError, settings: Settings) -> SettingsError:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            "Port {port} is taken: another program, perhaps another Docent, listens on {where}. Stop it, or "
            "choose another port: DOCENT_PORT={other} make run",
            port=settings.port,
            where=where,
            other=settings.port + 1,
        )
    if error.errno == errno.EACCES:
        return SettingsError(
            "Listening on {where} is not allowed to this user. Choose a port above 1023 with DOCENT_PORT.",
            where=where,
        )
    why = os.strerror(error.errno or 0)
    return SettingsError(
        "Docent cannot listen on {where}: {why}. Check DOCENT_HOST and DOCENT_PORT.", where=where, why=why
    )
