"""Only named hosts are asked, at an address that was checked."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from docent.errors import SourceError
from docent.sources.allowed_hosts import AllowedHosts, GuardedTransport
from docent.sources.http_fetching import HttpFetcher
from tests.fakes.web_servers import Site, WebReply, serving
from tests.sources.reading import sources_of, synced


def resolver(*answers: tuple[str, ...]) -> Any:
    """Return a resolver that gives the next of these answers each time it is asked."""
    waiting = list(answers)

    def resolve(name: str, port: int, **_: Any) -> list[Any]:
        addresses = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


@pytest.mark.parametrize(
    ("entries", "addresses", "host"),
    [
        pytest.param(["docs.example.org"], ("93.184.216.34",), "docs.example.org", id="named"),
        pytest.param(["Docs.Example.org."], ("93.184.216.34",), "DOCS.example.org", id="in any case"),
        pytest.param(["wiki", "10.0.0.0/8"], ("10.1.2.3",), "wiki", id="private and named"),
        pytest.param(["10.1.2.3"], (), "10.1.2.3", id="an address itself"),
        pytest.param(["::1"], (), "::1", id="an address of IPv6"),
    ],
)
def test_a_named_host_may_be_asked(entries, addresses, host):
    """A host is asked if its name is on the list, and its address is public or named as well."""
    hosts = AllowedHosts(entries, resolve=resolver(addresses))
    assert hosts.address_of(host, 443) == (addresses or (host,))[0]


@pytest.mark.parametrize(
    ("entries", "addresses", "host"),
    [
        pytest.param([], ("93.184.216.34",), "docs.example.org", id="nothing is named"),
        pytest.param(["example.org"], ("93.184.216.34",), "docs.example.org", id="a name below a named one"),
        pytest.param(["docs.example.org"], (), "93.184.216.34", id="an address of nobody"),
        pytest.param(["evil.example"], ("127.0.0.1",), "evil.example", id="this machine"),
        pytest.param(["evil.example"], ("169.254.169.254",), "evil.example", id="a cloud's metadata"),
        pytest.param(["evil.example"], ("93.184.216.34", "10.0.0.1"), "evil.example", id="one of two"),
        pytest.param(["evil.example"], ("::ffff:10.0.0.1",), "evil.example", id="private inside IPv6"),
        pytest.param(["evil.example"], ("64:ff9b::a00:1",), "evil.example", id="private behind NAT64"),
        pytest.param(["evil.example"], ("2002:7f00:1::",), "evil.example", id="private inside 6to4"),
        pytest.param(["evil.example"], ("fd00::1",), "evil.example", id="private IPv6"),
        pytest.param(["evil.example"], ("0.0.0.0",), "evil.example", id="no address"),
        pytest.param(["evil.example"], ("224.0.0.1",), "evil.example", id="multicast"),
        pytest.param(["evil.example", "10.0.0.0/8"], ("192.168.0.1",), "evil.example", id="another network"),
    ],
)
def test_other_hosts_are_refused(entries, addresses, host):
    """The refusal names DOCENT_SOURCE_HOSTS, and nothing is connected to."""
    with pytest.raises(SourceError, match="DOCENT_SOURCE_HOSTS"):
        AllowedHosts(entries, resolve=resolver(addresses or ("93.184.216.34",))).address_of(host, 443)


def test_the_checked_address_is_the_one_connected_to():
    """A name is looked up once for a request, so it cannot lead elsewhere after the check."""
    asked: list[str] = []

    def resolve(name: str, port: int, **_: Any) -> list[Any]:
        asked.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    hosts = AllowedHosts(["site.example", "127.0.0.0/8"], resolve=resolve)
    with serving(Site({"/": "<p>here"})) as server:
        with httpx.Client(transport=GuardedTransport(hosts), trust_env=False) as client:
            reply = client.get(f"http://site.example:{server.port}/")
        assert reply.text == "<p>here" and asked == ["site.example"]
        assert server.asked[0].headers["host"] == f"site.example:{server.port}"


def test_a_name_that_changes_its_address_is_refused():
    """The next request looks the name up again: an address that has become private is not connected to."""
    hosts = AllowedHosts(["site.example", "127.0.0.1"], resolve=resolver(("127.0.0.1",), ("127.0.0.2",)))
    with serving(Site({"/": "<p>here"})) as server, HttpFetcher(hosts, largest=1000) as fetcher:
        assert fetcher.request("GET", f"http://site.example:{server.port}/").status == 200
        with pytest.raises(SourceError, match="leads to 127.0.0.2"):
            fetcher.request("GET", f"http://site.example:{server.port}/")


def test_a_redirect_to_a_private_address_is_refused():
    """A redirect is checked like the first address, and a password does not go with it."""
    with serving(Site({"/x": "<p>inside"})) as inside:
        to = WebReply(302, headers={"location": f"http://127.0.0.2:{inside.port}/x"})
        with serving(Site({"/": to})) as server:
            with HttpFetcher(AllowedHosts(["127.0.0.1"]), largest=1000) as fetcher:
                with pytest.raises(SourceError, match=r"127\.0\.0\.2"):
                    fetcher.request("GET", f"{server.url}/")
        elsewhere = WebReply(302, headers={"location": f"{inside.url}/x"})
        with serving(Site({"/": elsewhere})) as server:
            login = ("anna", "secret")
            with HttpFetcher(AllowedHosts(["127.0.0.1"]), largest=1000, auth=login) as fetcher:
                fetcher.request("GET", f"{server.url}/")
            assert "authorization" in server.asked[0].headers
        assert "authorization" not in inside.asked[0].headers


@pytest.mark.parametrize(
    "toml",
    [
        pytest.param('kind = "web"\nurl = "http://127.0.0.1:{port}/"', id="web"),
        pytest.param('kind = "webdav"\nurl = "http://127.0.0.1:{port}/"', id="webdav"),
        pytest.param('kind = "s3"\nurl = "http://127.0.0.1:{port}"\nbucket = "b"', id="s3"),
        pytest.param('kind = "git"\nurl = "http://127.0.0.1:{port}/a.git"', id="git"),
        pytest.param('kind = "imap"\nhost = "127.0.0.1"\nport = {port}\nencryption = "none"', id="imap"),
    ],
)
def test_without_a_named_host_no_source_asks_anybody(tmp_path, toml):
    """With the default, an empty list, each kind of source stops before it connects."""
    with serving(Site({})) as server:
        report = synced(sources_of(tmp_path, f"[one]\n{toml.format(port=server.port)}\n", hosts=()))
        assert "DOCENT_SOURCE_HOSTS" in report.stopped and server.asked == []
