"""Mailboxes, WebDAV folders, buckets and git repositories become files; only what is new is sent again."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncssh
import pytest

from docent.errors import SettingsError
from docent.sources.mailbox import quoted_folder
from docent.sources.object_storage import signed_headers
from docent.sources.source_items import safe_path
from tests.fakes.git_ssh_server import GitSshServer, git_over_ssh
from tests.fakes.imap_server import MailFolder, MailServer, serving_mail
from tests.fakes.web_servers import GitHost, ObjectStore, WebDav, WebRequest, serving
from tests.sources.reading import counts, files_of, sources_of, synced

MAIL = b"From: Bo <bo@example.org>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nSubject: %s\r\n\r\n%s\r\n"


# --- mail ----------------------------------------------------------------------------------


def mailbox(server: MailServer, fields: str = "") -> str:
    return (
        f'[mail]\nkind = "imap"\nhost = "127.0.0.1"\nport = {server.port}\nencryption = "none"\n'
        f'user = "anna"\npassword = "secret"\n{fields}\n'
    )


def test_a_mailbox(tmp_path):
    """Each message is fetched once; a deleted one goes, and a new UIDVALIDITY means that all are new."""
    inbox = MailFolder({4: MAIL % (b"Boat", b"It leaves."), 7: MAIL % (b"=?utf-8?q?Caf=C3=A9?=", b"Open.")})
    with serving_mail(MailServer({"INBOX": inbox})) as server:
        sources = sources_of(tmp_path, mailbox(server))
        assert counts(synced(sources)) == (2, 0, 0, 0)
        assert list(files_of(sources, "mail")) == ["INBOX/Boat 4.eml", "INBOX/Café 7.eml"]
        inbox.messages[9] = MAIL % (b"New", b"Hello.")
        del inbox.messages[4]
        assert counts(synced(sources)) == (1, 0, 1, 1)
        assert len(server.fetched()) == 3
        inbox.validity = 2
        assert counts(synced(sources)) == (2, 0, 0, 2)
        assert not [command for command in server.commands if command.startswith(("SELECT", "UID STORE"))]


def test_other_folders_and_large_messages(tmp_path):
    """Folders are named as people write them; a message beyond the limit is reported by its number."""
    folders = {"Entw&APw-rfe": MailFolder({1: MAIL % (b"x", b"y" * 200_000), 2: MAIL % (b"", b"z")})}
    with serving_mail(MailServer(folders)) as server:
        sources = sources_of(tmp_path, mailbox(server, 'folders = ["Entwürfe"]'))
        report = synced(sources)
    assert report.added == 1 and "Message 1 is larger" in report.failed[0]
    assert list(files_of(sources, "mail")) == ["Entwürfe/without subject 2.eml"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param('folders = ["Nowhere"]', "no folder 'Nowhere'", id="folder"),
        pytest.param('since = 2026-03-01\nfolders = ["INBOX"]', "", id="since"),
    ],
)
def test_folders_and_dates(tmp_path, fields, said):
    """A folder that is not there is said by its name; a date is asked for in IMAP's own form."""
    with serving_mail(MailServer({"INBOX": MailFolder({1: MAIL % (b"a", b"b")})})) as server:
        assert said in synced(sources_of(tmp_path, mailbox(server, fields))).stopped
        assert bool(said) or "UID SEARCH SINCE 01-Mar-2026" in server.commands


def test_a_wrong_password(tmp_path):
    """The refusal of the server is shown, and nothing is removed."""
    with serving_mail(MailServer({"INBOX": MailFolder({1: MAIL % (b"a", b"b")})})) as server:
        sources = sources_of(tmp_path, mailbox(server))
        synced(sources)
        server.login = ("anna", "changed")
        assert "Invalid credentials" in synced(sources).stopped
    assert len(files_of(sources, "mail")) == 1


@pytest.mark.parametrize(
    ("name", "written"),
    [("INBOX", '"INBOX"'), ("a & b", '"a &- b"'), ("台北", '"&U,BTFw-"'), ('say "x"', '"say \\"x\\""')],
)
def test_names_of_folders(name, written):
    """A folder's name is sent as RFC 3501 writes it."""
    assert quoted_folder(name) == written


# --- folders of other servers --------------------------------------------------------------


def test_a_webdav_folder(tmp_path):
    """Files of the formats that are read come with their folders; unchanged ones are not sent again."""
    dav = WebDav(
        {"a.md": b"one", "deep/er/b c.txt": b"two", "x.exe": b"MZ", "no.py": b"code"}, login="anna:secret"
    )
    with serving(dav) as server:
        toml = f'[cloud]\nkind = "webdav"\nurl = "{server.url}/dav"\nuser = "anna"\npassword = "secret"\n'
        sources = sources_of(tmp_path, toml)
        assert counts(synced(sources)) == (2, 0, 0, 0)
        assert files_of(sources, "cloud") == {"a.md": "one", "deep/er/b c.txt": "two"}
        server.asked.clear()
        dav.files["a.md"] = b"new"
        del dav.files["deep/er/b c.txt"]
        assert counts(synced(sources)) == (0, 1, 0, 1)
        assert [request.path for request in server.asked if request.method == "GET"] == ["/dav/a.md"]
        assert sources.origin("nothing") == ""


def test_a_webdav_password_that_is_wrong(tmp_path):
    """The server's refusal stops the sync; nothing is removed."""
    with serving(WebDav({"a.md": b"one"}, login="anna:secret")) as server:
        toml = f'[cloud]\nkind = "webdav"\nurl = "{server.url}/dav"\nuser = "anna"\npassword = "x"\n'
        assert "status 401" in synced(sources_of(tmp_path, toml)).stopped


def test_a_bucket(tmp_path):
    """All pages of a listing are read, objects are compared by ETag, and keys stay below the folder."""
    store = ObjectStore(
        {f"docs/{n}.md": str(n).encode() for n in range(5)} | {"docs/../../x.md": b"out", "other/y.md": b"y"}
    )
    with serving(store) as server:
        toml = (
            f'[box]\nkind = "s3"\nurl = "{server.url}"\nbucket = "bucket"\nprefix = "docs/"\n'
            'user = "KEY"\npassword = "SECRET"\n'
        )
        sources = sources_of(tmp_path, toml)
        assert counts(synced(sources)) == (5, 0, 0, 0)
        assert all(name.startswith("docs/") for name in files_of(sources, "box"))
        assert not (tmp_path / "x.md").exists() and not (tmp_path / "data" / "x.md").exists()
        store.objects["docs/3.md"] = b"three"
        assert counts(synced(sources)) == (0, 1, 4, 0)
        assert "AWS4-HMAC-SHA256 Credential=KEY/" in server.asked[0].headers["authorization"]


def test_the_signature_is_the_one_that_amazon_describes():
    """The example of a GET with a range in Amazon's description of Signature Version 4 has this signature."""
    headers = signed_headers(
        path="/test.txt",
        query="",
        host="examplebucket.s3.amazonaws.com",
        region="us-east-1",
        key_id="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        now=datetime(2013, 5, 24, tzinfo=UTC),
        extra={"range": "bytes=0-9"},
    )
    assert headers["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_bucket_that_refuses_the_signature(tmp_path):
    """A refusal stops the sync with its status."""

    def never(request: WebRequest) -> bool:
        return False

    with serving(ObjectStore({"a.md": b"a"}, check=never)) as server:
        toml = f'[box]\nkind = "s3"\nurl = "{server.url}"\nbucket = "bucket"\n'
        assert "status 403" in synced(sources_of(tmp_path, toml)).stopped


# --- git -----------------------------------------------------------------------------------


class Repository:
    """A bare repository, and a work tree that pushes to it."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "hosted" / "handbook.git"
        self._tree = folder / "tree"
        self.bare.parent.mkdir(parents=True)
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=folder)
        self._git("clone", "--quiet", str(self.bare), str(self._tree), cwd=folder)

    def commit(self, **files: str | None) -> None:
        for name, text in files.items():
            path = self._tree / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True) if text is None else path.write_text(text)
        self._git("add", "--all", cwd=self._tree)
        self._git("commit", "--quiet", "--message=x", cwd=self._tree)
        self._git("push", "--quiet", "origin", "HEAD:main", cwd=self._tree)

    def link(self, name: str, to: str) -> None:
        (self._tree / name).symlink_to(to)

    def _git(self, *arguments: str, cwd: Path) -> None:
        names = ["-c", "user.name=Bo", "-c", "user.email=bo@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *names, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.mark.parametrize("transport", ["path", "http"])
def test_a_repository(tmp_path, transport):
    """The files of the newest commit come; those with other content at the next one, and no link's target."""
    repository = Repository(tmp_path)
    repository.link("passwd.txt", "/etc/passwd")
    repository.commit(**{"guide__a.md": "one", "guide__b.md": "two", "code.py": "x = 1", "top.md": "top"})
    with serving(GitHost(tmp_path / "hosted", login="anna:secret")) as server:
        url = f"{server.url}/handbook.git" if transport == "http" else str(repository.bare)
        toml = f'[wiki]\nkind = "git"\nurl = "{url}"\nfolder = "guide"\nuser = "anna"\npassword = "secret"\n'
        sources = sources_of(tmp_path, toml)
        assert counts(synced(sources)) == (2, 0, 0, 0)
        assert files_of(sources, "wiki") == {"guide/a.md": "one", "guide/b.md": "two"}
        repository.commit(**{"guide__a.md": "changed", "guide__b.md": None})
        assert counts(synced(sources)) == (0, 1, 0, 1)
        assert counts(synced(sources)) == (0, 0, 1, 0)
        sources = sources_of(
            tmp_path / "all", toml.replace('folder = "guide"', 'include = ["*.py", "*.txt"]')
        )
        synced(sources)
    assert files_of(sources, "wiki") == {"code.py": "x = 1"}


def over_ssh(server: GitSshServer, **changes: object) -> str:
    named = {"url": f"ssh://git@127.0.0.1:{server.port}/handbook.git", "key_file": server.key_file}
    named |= {"known_hosts": server.known_hosts, **changes}
    return '[wiki]\nkind = "git"\n' + "".join(f'{name} = "{value}"\n' for name, value in named.items())


def test_a_repository_over_ssh(tmp_path):
    """The files come with the key named, from a server whose key is in the known hosts named; only what is
    new comes again."""
    repository = Repository(tmp_path)
    repository.commit(**{"a.md": "one"})
    with git_over_ssh(tmp_path / "hosted", tmp_path) as server:
        sources = sources_of(tmp_path, over_ssh(server))
        assert counts(synced(sources)) == (1, 0, 0, 0)
        repository.commit(**{"b.md": "two"})
        assert counts(synced(sources)) == (1, 0, 1, 0)
    assert files_of(sources, "wiki") == {"a.md": "one", "b.md": "two"}


def test_ssh_asks_nobody_and_trusts_nobody_else(tmp_path, monkeypatch):
    """A server whose key is not known, or is another one, is refused without a question, and so is a host
    that is not named; neither the person's own keys and known hosts nor their agent are used."""
    Repository(tmp_path).commit(**{"a.md": "one"})
    with git_over_ssh(tmp_path / "hosted", tmp_path) as server:
        home = tmp_path / "home/.ssh"
        home.mkdir(parents=True)
        (home / "config").write_text("Host *\n  StrictHostKeyChecking no\n")
        shutil.copy(server.known_hosts, home)
        monkeypatch.setenv("HOME", str(home.parent))
        empty, other = tmp_path / "empty", tmp_path / "other"
        empty.touch()
        other_key = asyncssh.generate_private_key("ssh-ed25519")
        other_key.write_public_key(str(other))
        other.write_text(f"[127.0.0.1]:{server.port} {other.read_text()}")
        for known_hosts in (empty, other):
            report = synced(sources_of(tmp_path, over_ssh(server, known_hosts=known_hosts)))
            assert "Host key verification failed" in report.stopped
        other_key.write_private_key(str(tmp_path / "other_key"))
        (tmp_path / "other_key").chmod(0o600)
        report = synced(sources_of(tmp_path, over_ssh(server, key_file=tmp_path / "other_key")))
        assert "Permission denied" in report.stopped
        report = synced(sources_of(tmp_path, over_ssh(server), hosts=["git.example.org"]))
        assert "DOCENT_SOURCE_HOSTS" in report.stopped


def test_a_repository_that_is_not_there(tmp_path):
    """git's own words are shown."""
    report = synced(sources_of(tmp_path, '[wiki]\nkind = "git"\nurl = "/nowhere/at.git"\n'))
    assert "git cannot read /nowhere/at.git" in report.stopped


def test_a_password_is_on_no_command_line(tmp_path, monkeypatch):
    """git receives a password in its environment, where other users of the machine cannot read it."""
    seen: list[list[str]] = []
    run = subprocess.run
    monkeypatch.setattr(
        "docent.sources.git_repository.subprocess.run",
        lambda command, **more: seen.append(command) or run(command, **more),
    )
    with serving(GitHost(tmp_path)) as server:
        toml = f'[wiki]\nkind = "git"\nurl = "{server.url}/x.git"\nuser = "anna"\npassword = "hunter2"\n'
        synced(sources_of(tmp_path, toml))
    assert seen and not any("hunter2" in word or "Authorization" in word for words in seen for word in words)


# --- names and settings --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        pytest.param("a/b.md", "a/b.md", id="as it is"),
        pytest.param("../../etc/x.md", "etc/x-", id="out of the folder"),
        pytest.param("/abs/x.md", "abs/x-", id="absolute"),
        pytest.param("a/.hidden.md", "a/hidden-", id="hidden"),
        pytest.param("a\\..\\b.md", "a/b-", id="of Windows"),
        pytest.param("what?.md", "what_-", id="a sign that file systems refuse"),
        pytest.param("x" * 300 + ".md", "x" * 70, id="too long"),
        pytest.param("..", "item", id="nothing left"),
    ],
)
def test_names_of_files_are_safe(name, begins):
    """A file stays in its source's folder, is not hidden, and keeps its suffix."""
    path = safe_path(name, id=name)
    assert path.startswith(begins)
    assert all(0 < len(part) <= 100 and not part.startswith(".") for part in path.split("/"))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        pytest.param("[a", "is not TOML", id="no TOML"),
        pytest.param('[Big]\nkind = "web"', "cannot be named", id="name"),
        pytest.param('[a]\nurl = "https://x.org"', r"\[a\]", id="no kind"),
        pytest.param('[a]\nkind = "ftp"', r"\[a\]", id="another kind"),
        pytest.param('[a]\nkind = "web"\nurl = "file:///etc"', r"\[a\]: url", id="another scheme"),
        pytest.param('[a]\nkind = "web"\nurl = "https://u:p@x.org"', "url", id="a password in the address"),
        pytest.param('[a]\nkind = "web"\nurl = "https://x.org"\ndeep = 1', "deep", id="an unknown field"),
        pytest.param('[a]\nkind = "git"\nurl = "ext::sh -c x"', "url", id="a command as repository"),
        pytest.param('[a]\nkind = "git"\nurl = "--upload-pack=x"', "url", id="an option as repository"),
        pytest.param('[a]\nkind = "git"\nurl = "ssh://g@-oProxyCommand=x/a"', "url", id="an option as host"),
        pytest.param('[a]\nkind = "git"\nurl = "ssh://g@x.org/a"', "key_file and known_hosts", id="no key"),
        pytest.param(
            '[a]\nkind = "git"\nurl = "ssh://g@x.org:99999/a"\nkey_file = "k"\nknown_hosts = "h"',
            "Port out of range",
            id="no such port",
        ),
        pytest.param(
            '[a]\nkind = "git"\nurl = "ssh://g@x.org/a"\nkey_file = "k"\nknown_hosts = "h"\npassword = "p"',
            "no password",
            id="a password over ssh",
        ),
        pytest.param(
            '[a]\nkind = "web"\nurl = "https://x.org"\nlibrary = "../x"',
            "library",
            id="out of the data folder",
        ),
    ],
)
def test_mistakes_in_the_file_are_refused(tmp_path, toml, said):
    """The error names the source and the field."""
    with pytest.raises(SettingsError, match=said):
        sources_of(tmp_path, toml)


def test_the_example_of_the_documentation(tmp_path):
    """The file in docs/sources.md is one of every kind, and its hosts are the ones named below it."""
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    example, over_ssh = (part.partition("```")[0] for part in text.split("```toml\n")[1:])
    assert list(sources_of(tmp_path, over_ssh).settings) == ["notes"]
    sources = sources_of(tmp_path, example)
    assert {source.kind for source in sources.settings.values()} == {"web", "imap", "webdav", "s3", "git"}
    (named,) = (line for line in text.splitlines() if line.startswith('DOCENT_SOURCE_HOSTS=["docs.'))
    addresses = [getattr(source, "url", "") or source.host for source in sources.settings.values()]
    assert json.loads(named.partition("=")[2]) == [
        urlsplit(address).hostname or address for address in addresses
    ]
