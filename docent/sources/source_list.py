"""The sources of sources.toml, checked when they are read."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, model_validator

from docent.errors import SettingsError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/\S*)?$")]
SSH_URL = r"ssh://\w[\w.-]*@(\w[\w.-]*|\[[\da-fA-F:.]+\])(:\d+)?/\S+"
LibraryName = Annotated[str, Field(pattern=r"^\w[\w .-]{0,99}$")]


class SourceSettings(BaseModel):
    """The fields of every source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    library: LibraryName | None = Field(None, description="Library of its documents; the source's own name.")
    most_items: int = Field(1000, ge=1, le=100_000, description="Most documents that are taken.")
    include: tuple[str, ...] = Field(
        (), description="Patterns of paths, such as docs/*.md; empty: every format that can be read."
    )


class _Login(SourceSettings):
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None

    @property
    def secret(self) -> str:
        """The password, from the file if one is named."""
        if self.password_file is None:
            return self.password.get_secret_value()
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                "{path} holds the password of a source and cannot be read ({why}). Name a readable file.",
                path=self.password_file,
                why=str(error),
            ) from error


class WebSource(SourceSettings):
    kind: Literal["web"]
    url: HttpUrl
    depth: int = Field(2, ge=0, le=20, description="Links followed from the first page; 0: that page alone.")
    pause: float = Field(0.5, ge=0, le=60, description="Seconds between two requests.")


class MailSource(_Login):
    kind: Literal["imap"]
    host: str = Field(pattern=r"^[\w.:-]+$")
    port: int = Field(993, ge=1, le=65535)
    encryption: Literal["tls", "starttls", "none"] = "tls"
    folders: tuple[str, ...] = ("INBOX",)
    since: date | None = None


class WebDavSource(_Login):
    kind: Literal["webdav"]
    url: HttpUrl


class S3Source(_Login):
    """`user` is the access key, `password` the secret key."""

    kind: Literal["s3"]
    url: HttpUrl = Field(description="The endpoint, such as https://s3.eu-west-1.amazonaws.com")
    bucket: str = Field(pattern=r"^[\w.-]+$")
    prefix: str = ""
    region: str = "us-east-1"


class GitSource(_Login):
    kind: Literal["git"]
    url: str = Field(min_length=1, pattern=rf"^(https?://[^\s@]+|{SSH_URL}|/.*|\./.*)$")
    branch: str = Field("", pattern=r"^([\w][\w./-]*)?$")
    folder: str = ""
    key_file: Path | None = None
    known_hosts: Path | None = None

    @model_validator(mode="after")
    def _ssh_has_its_own_login(self) -> Self:
        over_ssh = (
            self.url.startswith("ssh://") and urlsplit(self.url).port != 0
        )  # raises for one above 65535
        if over_ssh != (self.key_file is not None and self.known_hosts is not None):
            raise ValueError("key_file and known_hosts are needed for an ssh:// address, and for no other")
        if over_ssh and (self.user or self.password.get_secret_value() or self.password_file):
            raise ValueError("an ssh:// address names the user itself and takes no password")
        return self


AnySource = Annotated[
    WebSource | MailSource | WebDavSource | S3Source | GitSource, Field(discriminator="kind")
]
_ANY: TypeAdapter[AnySource] = TypeAdapter(AnySource)


def read_sources(path: Path) -> dict[str, AnySource]:
    """Read the sources of a file by their names; a mistake is refused with its place."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "{path} cannot be read: {error}. Mend or remove the file.", path=path, error=error
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("{path} is not TOML: {error}. Mend that line.", path=path, error=error) from error
    return {name: _source(path, name, table) for name, table in tables.items()}


def _source(path: Path, name: str, table: object) -> AnySource:
    if not NAME.fullmatch(name):
        raise SettingsError(
            "{path}: a source cannot be named {name!r}. Use small letters, digits, - and _.",
            path=path,
            name=name,
        )
    try:
        return _ANY.validate_python(table)
    except ValidationError as error:
        mistake = error.errors()[0]
        field = ".".join(str(part) for part in mistake["loc"][1:]) or "kind"
        raise SettingsError(
            "{path}, [{name}]: {field}: {why}. docs/sources.md lists the fields of each kind.",
            path=path,
            name=name,
            field=field,
            why=mistake["msg"],
        ) from error
