"""An IMAP server on 127.0.0.1 with the commands that a reader of mail needs (RFC 3501)."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class MailFolder:
    """Messages by UID; a new UIDVALIDITY says that all UIDs are new."""

    messages: dict[int, bytes]
    validity: int = 1


@dataclass
class MailServer:
    """Folders by their name in IMAP's own UTF-7, and every command that came."""

    folders: dict[str, MailFolder]
    login: tuple[str, str] = ("anna", "secret")
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def fetched(self) -> list[str]:
        return [command for command in self.commands if "BODY.PEEK[]" in command]


class _Handler(socketserver.StreamRequestHandler):
    mail: MailServer

    def handle(self) -> None:
        self._send("* OK ready")
        folder: MailFolder | None = None
        is_in = False
        while line := self.rfile.readline().decode():
            tag, _, command = line.strip().partition(" ")
            verb, _, rest = command.partition(" ")
            self.mail.commands.append(command)
            match verb.upper():
                case "CAPABILITY":
                    self._send("* CAPABILITY IMAP4rev1")
                case "LOGIN":
                    user, password = re.findall(r'"([^"]*)"|(\S+)', rest)
                    is_in = (user[0] or user[1], password[0] or password[1]) == self.mail.login
                    if not is_in:
                        self._send(f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials")
                        continue
                case "LOGOUT":
                    self._send("* BYE")
                    self._send(f"{tag} OK done")
                    return
                case "EXAMINE" if is_in:
                    folder = self.mail.folders.get(rest.strip('"'))
                    if folder is None:
                        self._send(f"{tag} NO no such mailbox")
                        continue
                    self._send(f"* {len(folder.messages)} EXISTS")
                    self._send(f"* OK [UIDVALIDITY {folder.validity}] UIDs valid")
                    self._send(f"{tag} OK [READ-ONLY] done")
                    continue
                case "UID" if folder is not None:
                    self._uid(folder, rest)
                case _:
                    self._send(f"{tag} BAD command unknown here")
                    continue
            self._send(f"{tag} OK done")

    def _uid(self, folder: MailFolder, rest: str) -> None:
        if rest.upper().startswith("SEARCH"):
            self._send("* SEARCH " + " ".join(map(str, sorted(folder.messages))))
            return
        uid = int(rest.split()[1])
        message = folder.messages.get(uid)
        if message is None:
            return
        number = sorted(folder.messages).index(uid) + 1
        if "RFC822.SIZE" in rest:
            self._send(f"* {number} FETCH (UID {uid} RFC822.SIZE {len(message)})")
        else:
            self._send(f"* {number} FETCH (UID {uid} BODY[] {{{len(message)}}}")
            self.wfile.write(message)
            self._send(")")

    def _send(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def serving_mail(mail: MailServer) -> Iterator[MailServer]:
    handler = type("Handler", (_Handler,), {"mail": mail})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    mail.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield mail
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
