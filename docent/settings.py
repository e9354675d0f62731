"""Every setting, read once from the environment, `.env` or `docent.toml`, and checked.

An environment variable is the field's name in capitals with DOCENT_ in front. The environment
wins over `.env`, which wins over `docent.toml`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from docent.errors import SettingsError
from docent.setting_files import (
    ENCODING,
    ENVIRONMENT,
    PREFIX,
    decoded,
    prefixed,
    read_dotenv,
    read_toml,
    reason_of,
    refused_setting,
    unknown_setting,
)

PACKAGED_MODEL = "all-MiniLM-L6-v2"
DATABASES = ("postgresql://", "postgres://")

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
PluginName = Annotated[str, Field(pattern=r"^plugin:[\w.-]+$")]


class Settings(BaseModel):
    """The settings of one run; a change needs a restart."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    storage: Path = Field(Path("storage"), description="Folder for everything that Docent stores.")
    data: Path = Field(Path("data"), description="Folder of documents; each folder in it is a library.")

    follow_links: bool = Field(
        False,
        description="Follow symbolic links that lead out of the data folder; otherwise they are reported "
        "and not read.",
    )

    sources: Path = Field(
        Path("sources.toml"), description="File of the sources: sites, mailboxes, folders of other servers."
    )
    source_hosts: tuple[str, ...] = Field(
        (),
        description="Hosts that sources may ask, as a JSON list of names; private addresses or networks "
        '("10.0.0.0/8") that they may lead to. Empty: none, so that nothing leaves this machine.',
    )
    sources_every: int = Field(
        0, ge=0, description="Minutes between two syncs of the sources while Docent serves; 0 for none."
    )

    host: str = Field("127.0.0.1", description="Address the chat listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the chat listens on.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Further host names under which the chat is served, as a JSON list."
    )
    login: Literal["auto", "on", "off"] = Field(
        "auto",
        description="auto: users log in if other machines can reach the chat; on: always; "
        "off: never, for a container or proxy that keeps others out.",
    )

    groups_claim: str = Field(
        "",
        description="Claim in which an identity provider lists the groups of a person; at each login through "
        "it they are in those of these groups that exist here.",
    )
    audit_days: int = Field(
        365,
        ge=0,
        description="Days for which the audit log keeps who read, asked, changed and exported what, where "
        "people log in or programs use keys; 0 for no audit log.",
    )
    share_links: bool = Field(
        False,
        description="Let people make a link to one of their conversations, which anybody who has it can "
        "read, with its citations and pictures of the cited pages, until they revoke it.",
    )
    publish: str = Field(
        "",
        description="Address on which a container or proxy publishes the chat, if that is not "
        "DOCENT_HOST; it decides if users must log in.",
    )
    replica: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="Name of this web replica, where there are several. It is in a cookie, by which a load "
        "balancer keeps a browser at one of them. Empty: no cookie.",
    )
    api_footnotes: bool = Field(
        False, description="End answers of the HTTP API with their citations as lines of text."
    )
    log: Literal["off", "text", "json"] = Field(
        "off", description="A line on stderr for each request to the HTTP API; never a text or a question."
    )

    provider: Literal["ollama", "openai", "llamacpp"] | PluginName = Field(
        "ollama",
        description="ollama; openai for any server that speaks OpenAI's protocol; llamacpp for a model file "
        "that Docent serves itself (with ollama, a DOCENT_MODEL that ends in .gguf means the same); "
        "plugin:NAME for one of an installed package.",
    )
    model: str = Field(
        "mistral",
        min_length=1,
        description="Language model that writes the answers: a name that the server knows, or the path of a "
        "GGUF file.",
    )
    model_url: str = Field("http://localhost:11434", min_length=1, description="Address of the model server.")
    pull_url: str = Field(
        "", description="Address of the server that fetches models, if it is not the one that answers."
    )
    model_key: SecretStr = Field(SecretStr(""), description="Key for the model server, if it asks for one.")
    model_key_file: Path | None = Field(
        None, description="File that holds the key, instead of the key itself."
    )
    context_tokens: int = Field(
        8192,
        ge=1024,
        description="Context window of the model, in tokens; a change reloads the model.",
    )
    answer_tokens: int = Field(1024, ge=16, description="Longest answer, in tokens.")
    temperature: float = Field(0.1, ge=0, le=2, description="0 keeps to the text; higher is freer.")
    keep_alive: str = Field("30m", description="How long Ollama keeps the model loaded after a question.")
    connect_timeout: Seconds = Field(5.0, description="Seconds to wait for a connection to the model server.")
    first_token_timeout: Seconds = Field(
        300.0, description="Seconds to wait for the first token; a cold model has to load first."
    )
    token_timeout: Seconds = Field(60.0, description="Seconds to wait between two tokens.")

    passages: int = Field(8, ge=1, le=50, description="Most passages shown to the model for one question.")
    relevant_from: float = Field(
        0.2,
        ge=0,
        le=1,
        description="If the best passage is less relevant than this, Docent says that the documents do not "
        "answer the question; 0 switches this off.",
    )
    dictionaries: Path = Field(
        Path("/usr/share/dictd"),
        description="Folder of bilingual dictionaries in dictd's format, by which a question is searched in "
        "documents of another language where no model translates it.",
    )
    tools: Literal["auto", "always", "off"] = Field(
        "auto",
        description="auto: code works out questions on spreadsheets, sums and dates, and the model has "
        "tools for "
        "those that code cannot read; always: it has every tool for every question; off: neither.",
    )
    tool_steps: int = Field(
        4,
        ge=0,
        le=10,
        description="How often the model may use tools for one answer; 0: it has none. Small models "
        "have none.",
    )
    small_model: Literal["auto", "on", "off"] = Field(
        "auto",
        description="on: the model reads less, copies instead of reasoning, and the best sentences are shown "
        "beside its answer, or instead of one that no passage supports; auto: if it has under 1.5 billion "
        "parameters; off: never, but of a model known to be so small only near copies of a page are cited.",
    )
    summaries_ahead: int = Field(
        100,
        ge=0,
        description="How many of the newest documents the model summarises ahead, while nothing else is to "
        "be done; 0 for none. A server that is paid by the token charges for them.",
    )
    personas: Path = Field(
        Path("personas.toml"), description="File of the personas; the comment at its top explains it."
    )
    mcp_servers: Path = Field(
        Path("mcp.toml"),
        description="File of MCP servers whose tools the model may use, where DOCENT_TOOL_STEPS is not 0 "
        "(docs/agents.md); none if there is no such file.",
    )
    content_policy: Literal["off", "warn", "refuse"] = Field(
        "off", description="How to treat questions and answers that fall into a category of the policy."
    )
    content_policy_file: Path = Field(Path("policy.toml"), description="File of the policy's categories.")
    embedding_model: str = Field(
        PACKAGED_MODEL,
        min_length=1,
        description="Embedding model: the packaged one, ollama:NAME, plugin:NAME of an installed package, a "
        "folder, or a hub name already in storage/models. `docent model embedding NAME` changes it.",
    )
    embedding_device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where embedding runs; with auto the packaged model runs on the CPU."
    )
    reranker: str = Field(
        "",
        description="Cross-encoder that reads the best 30 passages with the question and orders them: a "
        "folder, or a hub name already in storage/models. Empty: none, which is fast and needs no torch.",
    )
    retrieval: tuple[str, ...] = Field(
        (), description="Plugins that order or leave out the passages found, as a JSON list of names."
    )
    notifiers: tuple[str, ...] = Field(
        (), description="Plugins that are told of every ingest, as a JSON list of names."
    )
    threads: int = Field(
        0,
        ge=0,
        description="Threads that embed documents, and as many in which a model file answers; 0 for one on "
        "each core.",
    )
    chunk_tokens: int = Field(
        200,
        ge=32,
        description="Longest chunk, in the embedding model's own tokens; never more than the model reads "
        "beside a header (203 with the packaged one).",
    )
    chunk_overlap: int = Field(25, ge=0, description="Tokens that neighbouring chunks share.")

    database_url: SecretStr = Field(
        SecretStr(""),
        description="Address of a PostgreSQL database that keeps the catalog, conversations, users and "
        "keys in place of files in the storage folder: postgresql://user:password@host/name. `docent "
        "migrate` makes its tables.",
    )
    database_url_file: Path | None = Field(
        None, description="File that holds the address of the database, instead of the address itself."
    )
    max_lag: Seconds = Field(
        10.0,
        description="Seconds that a replica may be behind the database before /ready answers 503, so that "
        "its load balancer asks another one.",
    )
    read_files: Literal["auto", "no"] = Field(
        "auto",
        description="Whether the server reads and embeds files. `no`: with a database it leaves that to "
        "`docent worker`.",
    )
    files_url: str = Field(
        "",
        description="Bucket of S3 or of a server that speaks its protocol, as MinIO does, that keeps the "
        "original files: s3://bucket/folder. AWS's own variables name the server and the keys. Empty: they "
        "are kept in the storage folder.",
    )
    files_key: SecretStr = Field(
        SecretStr(""),
        description="Key with which originals in the bucket are encrypted, as `age-keygen` makes it; after a "
        "comma those of before, which only decrypt.",
    )
    files_key_file: Path | None = Field(
        None, description="File that holds the key, instead of the key itself."
    )
    chroma_url: str = Field(
        "",
        description="Address of a Chroma server that keeps the vectors; empty: they are kept in the storage "
        "folder.",
    )

    traces_url: str = Field(
        "",
        description="Address that takes OpenTelemetry traces by OTLP over HTTP, as Jaeger and the "
        "OpenTelemetry Collector do: http://host:4318; empty: none are recorded.",
    )

    watch_polling: Literal["auto", "on", "off"] = Field(
        "auto",
        description="How --watch notices changes: on checks every second, off waits for the system's events, "
        "auto checks where there are no events (in a container).",
    )
    ocr: Literal["auto", "off"] = Field(
        "auto",
        description="auto: scanned pages are read by tesseract, if it is installed; off: they are not.",
    )
    max_file_mb: Positive = Field(200, description="Largest file that is read, in megabytes.")
    max_files: Positive = Field(20, description="Most files that can be added to one message.")

    @field_validator("model_url", "chroma_url", "pull_url", "traces_url")
    @classmethod
    def _must_be_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _must_be_postgresql(cls, value: SecretStr) -> SecretStr:
        if value and not value.get_secret_value().startswith(DATABASES):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("files_url")
    @classmethod
    def _must_be_a_bucket(cls, value: str) -> str:
        if value and not re.fullmatch(r"s3://[\w.-]+(/[^?#]*)?", value):
            raise ValueError("must be s3:// and the name of a bucket, perhaps with a folder in it")
        return value.rstrip("/")

    @field_validator("chunk_overlap")
    @classmethod
    def _at_most_half(cls, value: int, info: Any) -> int:
        size = info.data.get("chunk_tokens")
        if size is not None and value * 2 > size:
            raise ValueError(f"must be at most half of chunk_tokens, which is {size}")
        return value

    @property
    def model_file(self) -> Path | None:
        """The file of the model that Docent serves itself; None if a server has the model."""
        named = self.provider == "ollama" and self.model.lower().endswith(".gguf")
        return Path(self.model).expanduser() if named or self.provider == "llamacpp" else None

    @property
    def model_name(self) -> str:
        """The model's name as people are shown it: without the folder of a model file."""
        return self.model if self.model_file is None else self.model_file.stem

    @property
    def database(self) -> str:
        """The address of the database, with its password; empty where storage/ has the catalog."""
        url = self._secret("database_url")
        if self.database_url_file is not None and not url.startswith(DATABASES):
            raise SettingsError(
                "{path}, which DOCENT_DATABASE_URL_FILE names, holds no address of a PostgreSQL database. "
                "Write postgresql://user:password@host/name into it.",
                path=self.database_url_file,
            )
        return url

    @property
    def files_secret(self) -> str:
        """The key that encrypts originals, from the file if one is named."""
        return self._secret("files_key")

    @property
    def key(self) -> str:
        """The model server's key, from the file if one is named."""
        return self._secret("model_key")

    def _secret(self, name: str) -> str:
        """Return a secret, from its file if one is named."""
        path: Path | None = getattr(self, f"{name}_file")
        if path is None:
            secret: SecretStr = getattr(self, name)
            return secret.get_secret_value()
        try:
            return path.read_text(encoding=ENCODING).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                "{name}_FILE names {path}, which cannot be read ({error}). Name a readable file, or use "
                "{name}.",
                name=f"{PREFIX}{name.upper()}",
                path=path,
                error=reason_of(error),
            ) from error

    @classmethod
    def read(cls, *, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> Self:
        """Read the settings of this run. Raises SettingsError, which says which key is wrong and why."""
        values: dict[str, Any] = {}
        origin: dict[str, str] = {}
        for source, found in (
            ("docent.toml", read_toml(folder / "docent.toml")),
            (".env", read_dotenv(folder / ".env")),
            (ENVIRONMENT, prefixed(os.environ if environ is None else environ)),
        ):
            for key, value in found.items():
                if key not in cls.model_fields:
                    raise unknown_setting(key, source, cls.model_fields)
                values[key], origin[key] = value, source
        try:
            return cls(**{key: decoded(value) for key, value in values.items()})
        except ValidationError as error:
            raise refused_setting(error, values, origin) from error
