"""The listen address is checked before the start, and problems are reported in a sentence."""

from __future__ import annotations

import socket

import pytest

from docent.errors import SettingsError
from docent.settings import Settings
from docent.web.accounts.users import Users
from docent.web.listen_address import address, check, check_login, listen, login_required, open_to_others
from tests.ports import free_port


def settings(tmp_path, **environ: str) -> Settings:
    return Settings.read(environ={"DOCENT_STORAGE": str(tmp_path / "storage"), **environ}, folder=tmp_path)


def test_the_default_address_is_this_machine(tmp_path):
    """By default only this machine can reach the chat, so no login is required."""
    assert address(settings(tmp_path)) == "http://localhost:8000"
    assert open_to_others(settings(tmp_path)) is None
    assert not login_required(settings(tmp_path))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("0.0.0.0", "http://localhost:8000", id="everywhere"),
        pytest.param("::1", "http://localhost:8000", id="this machine, IPv6"),
        pytest.param("192.168.1.5", "http://192.168.1.5:8000", id="a network"),
        pytest.param("fd00::5", "http://[fd00::5]:8000", id="a network, IPv6"),
    ],
)
def test_the_address_is_one_that_a_browser_opens(host, url, tmp_path):
    """The address shown can be typed into a browser."""
    assert address(settings(tmp_path, DOCENT_HOST=host)) == url


@pytest.mark.parametrize(
    ("host", "login", "required"),
    [
        pytest.param("127.0.0.1", "auto", False, id="this machine"),
        pytest.param("::1", "auto", False, id="this machine, IPv6"),
        pytest.param("127.0.0.1", "on", True, id="this machine, asked for"),
        pytest.param("0.0.0.0", "auto", True, id="everywhere"),
        pytest.param("192.168.1.5", "auto", True, id="a network"),
        pytest.param("0.0.0.0", "off", False, id="everywhere, said to be safe"),
    ],
)
def test_login_is_required_as_soon_as_others_can_reach_it(host, login, required, tmp_path):
    """On this machine alone no login is required, elsewhere it is, unless the settings change that."""
    assert login_required(settings(tmp_path, DOCENT_HOST=host, DOCENT_LOGIN=login)) is required


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_a_start_without_users_is_refused(host, tmp_path):
    """If a login is required and there is no user, the error names the command that adds one."""
    asked = settings(tmp_path, DOCENT_HOST=host)
    with pytest.raises(SettingsError, match="docent user add NAME"):
        check(asked)
    Users(asked.storage, cost=4).add("ann", role="admin", password="a long password")
    check_login(asked)


def test_being_open_without_login_is_warned_of(tmp_path):
    """A warning says that others can read everything if the login is off."""
    asked = settings(tmp_path, DOCENT_HOST="0.0.0.0", DOCENT_LOGIN="off")
    check_login(asked)
    assert "0.0.0.0" in str(open_to_others(asked))


def test_a_taken_port_is_reported(tmp_path):
    """The error has the port and a command that uses the next one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} is taken.*DOCENT_PORT={port + 1}"):
            check(settings(tmp_path, DOCENT_PORT=str(port)))


def test_what_listens_keeps_the_port(tmp_path):
    """From `listen` on, before the server accepts anybody, another start is refused."""
    port = str(free_port())
    with listen(settings(tmp_path, DOCENT_PORT=port)):
        with pytest.raises(SettingsError, match=f"Port {port} is taken"):
            check(settings(tmp_path, DOCENT_PORT=port))
    check(settings(tmp_path, DOCENT_PORT=port))


def test_an_address_of_another_machine_is_refused(tmp_path):
    """An address that this machine does not have is refused."""
    with pytest.raises(SettingsError, match="cannot listen on 203.0.113.9:8000"):
        check(settings(tmp_path, DOCENT_HOST="203.0.113.9", DOCENT_LOGIN="off"))
