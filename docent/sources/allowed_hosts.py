"""Connect to named hosts only, and to no private address unless its network is named as well."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from docent.errors import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., Sequence[Any]]
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AllowedHosts:
    """Host names that may be asked, and private networks that such a name may lead to.

    Each entry is a host name ("docs.example.org"), an address or a network ("10.0.0.0/8").
    """

    def __init__(self, entries: Sequence[str], *, resolve: Resolve = socket.getaddrinfo) -> None:
        self._networks = [network for entry in entries if (network := _network(entry)) is not None]
        self._names = {entry.lower().rstrip(".") for entry in entries if _network(entry) is None}
        self._resolve = resolve

    def address_of(self, host: str, port: int) -> str:
        """Return an address to connect to; it has been checked, so a name cannot lead elsewhere afterwards.

        Raises SourceError for a host that is not named, and for one that has any private address.
        """
        name = host.lower().rstrip(".").strip("[]")
        literal = _address(name)
        if literal is None and name not in self._names:
            raise SourceError(
                "{host} is not among the hosts that may be asked. If you mean it, add it to "
                "DOCENT_SOURCE_HOSTS.",
                host=host,
            )
        addresses = [literal] if literal is not None else self._look_up(name, port)
        for address in addresses:
            if not self._is_allowed(address, is_named=literal is None):
                raise SourceError(
                    "{host} leads to {address}, which is private or not on the list. If you mean it, "
                    "add that address or its network to DOCENT_SOURCE_HOSTS.",
                    host=host,
                    address=str(address),
                )
        return str(addresses[0])

    def connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        return socket.create_connection((self.address_of(host, port), port), timeout)

    def _look_up(self, name: str, port: int) -> list[Address]:
        try:
            found = self._resolve(name, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise SourceError(
                "The address of {host} cannot be found ({why}). Correct its name, or try again when the "
                "network is there.",
                host=name,
                why=error.strerror or "unknown",
            ) from error
        return [ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found]

    def _is_allowed(self, address: Address, *, is_named: bool) -> bool:
        meant = _meant(address)
        if any(meant in network for network in self._networks if meant.version == network.version):
            return True
        return is_named and meant.is_global and not meant.is_multicast


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    tunnelled = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or tunnelled or address


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class GuardedTransport(httpx.BaseTransport):
    """Sends each request to the address that was checked, under the name that was asked for."""

    def __init__(self, hosts: AllowedHosts) -> None:
        self._hosts = hosts
        self._transport = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        address = self._hosts.address_of(url.host, url.port or (443 if url.scheme == "https" else 80))
        return self._transport.handle_request(
            httpx.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,  # with the name as `Host`
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.host},
            )
        )

    def close(self) -> None:
        self._transport.close()
