"""Where the chat listens is checked first, and said plainly."""

from __future__ import annotations

import socket

import pytest

from docent.errors import SettingsError
from docent.settings import Settings
from docent.web.listening import address, check, open_to_others


def settings(tmp_path, **environ: str) -> Settings:
    return Settings.read(environ=environ, folder=tmp_path)


def test_it_listens_on_this_machine_unless_told_otherwise(tmp_path):
    """The default is the loopback address, which nobody else can reach."""
    assert address(settings(tmp_path)) == "http://localhost:8000"
    assert open_to_others(settings(tmp_path)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_listening_elsewhere_is_said(host, tmp_path):
    """Who opens the chat to other machines is told what that means."""
    assert host in str(open_to_others(settings(tmp_path, DOCENT_HOST=host)))


def test_a_taken_port_is_named_with_another(tmp_path):
    """The sentence has the port and the command that uses the next one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} is taken.*DOCENT_PORT={port + 1}"):
            check(settings(tmp_path, DOCENT_PORT=str(port)))


def test_an_address_of_another_machine_is_refused(tmp_path):
    """An address that is not this machine's cannot be listened on."""
    with pytest.raises(SettingsError, match="cannot listen on 203.0.113.9:8000"):
        check(settings(tmp_path, DOCENT_HOST="203.0.113.9"))
