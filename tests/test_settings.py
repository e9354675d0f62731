"""Settings are read once, from three places, and refused with a sentence when they are wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from docent.errors import SettingsError
from docent.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


def read(folder: Path, **environ: str) -> Settings:
    return Settings.read(environ=environ, folder=folder)


def test_defaults_need_nothing(tmp_path):
    """With nothing set, Docent listens on this machine only and asks Mistral on it."""
    settings = read(tmp_path)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.provider, settings.model) == ("ollama", "mistral")
    assert settings.model_url == "http://localhost:11434"


def test_environment_wins_over_dotenv_wins_over_toml(tmp_path):
    """Each source overrides the one before it, key by key."""
    (tmp_path / "docent.toml").write_text('model = "from-toml"\nport = 1111\npassages = 3\n')
    (tmp_path / ".env").write_text("DOCENT_MODEL=from-dotenv\nDOCENT_PORT=2222\nOTHER=1\n")
    settings = read(tmp_path, DOCENT_MODEL="from-environment", PATH="/bin")
    assert (settings.model, settings.port, settings.passages) == ("from-environment", 2222, 3)


def test_an_empty_value_means_not_set(tmp_path):
    """Compose files pass `${DOCENT_MODEL:-}` through; that is the default, not an error."""
    assert read(tmp_path, DOCENT_MODEL="").model == "mistral"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param(
            {"DOCENT_PORT": "eighty"}, ["DOCENT_PORT", "'eighty'", "valid integer"], id="not a number"
        ),
        pytest.param({"DOCENT_PORT": "70000"}, ["DOCENT_PORT", "'70000'", "65535"], id="out of range"),
        pytest.param(
            {"DOCENT_PROVIDER": "cloud"},
            ["DOCENT_PROVIDER", "'cloud'", "'ollama', 'openai' or 'llamacpp'"],
            id="choice",
        ),
        pytest.param({"DOCENT_MODEL_URL": "localhost:1"}, ["DOCENT_MODEL_URL", "http://"], id="not a URL"),
        pytest.param({"DOCENT_MODLE": "x"}, ["DOCENT_MODLE", "Did you mean DOCENT_MODEL?"], id="unknown key"),
        pytest.param(
            {"DOCENT_CHUNK_OVERLAP": "150"}, ["DOCENT_CHUNK_OVERLAP", "half of chunk_tokens"], id="overlap"
        ),
        pytest.param({"DOCENT_ALLOWED_HOSTS": "[oops"}, ["DOCENT_ALLOWED_HOSTS", "'[oops'"], id="bad list"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, environ, said):
    """The sentence names the key, the bad value and what is allowed, and can be translated."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, **environ)
    for words in said:
        assert words in str(caught.value)
    assert caught.value.message.parameters["name"] == said[0]


def test_an_unknown_key_names_its_file(tmp_path):
    """A typo in docent.toml is refused like one in the environment, and the file is named."""
    (tmp_path / "docent.toml").write_text("modle = 1\n")
    with pytest.raises(SettingsError, match=r"in docent\.toml"):
        read(tmp_path)


def test_broken_toml_is_named_with_its_line(tmp_path):
    """A syntax error in docent.toml is reported with its line."""
    (tmp_path / "docent.toml").write_text("model = \n")
    with pytest.raises(SettingsError, match="line 1"):
        read(tmp_path)


def test_a_file_that_an_editor_marked_as_utf_8(tmp_path):
    """The mark at its head is no part of the first key, nor of a model server's key."""
    (tmp_path / "docent.toml").write_text("port = 1111\n", encoding="utf-8-sig")
    (tmp_path / ".env").write_text("DOCENT_MODEL=marked\nDOCENT_MODEL_KEY_FILE=key\n", encoding="utf-8-sig")
    (tmp_path / "key").write_text("sk-marked\n", encoding="utf-8-sig")
    settings = read(tmp_path, DOCENT_MODEL_KEY_FILE=str(tmp_path / "key"))
    assert (settings.port, settings.model, settings.key) == (1111, "marked", "sk-marked")


@pytest.mark.parametrize("name", ["docent.toml", ".env", "key"])
def test_a_file_in_another_encoding_is_named(name, tmp_path):
    """It is refused in a sentence, without a word of what it holds."""
    (tmp_path / name).write_bytes('model = "müller"'.encode("latin-1"))
    with pytest.raises(SettingsError, match=rf"{name}.*not text in UTF-8") as caught:
        _ = read(tmp_path, DOCENT_MODEL_KEY_FILE=str(tmp_path / "key")).key
    assert "ller" not in str(caught.value)


def test_a_key_is_never_shown(tmp_path):
    """The model server's key is in no representation of the settings and in no error."""
    settings = read(tmp_path, DOCENT_MODEL_KEY="sk-secret")
    assert settings.key == "sk-secret"
    assert "sk-secret" not in repr(settings) + str(settings.model_dump())
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, DOCENT_MODEL_KEY="sk-secret", DOCENT_PORT="x")
    assert "sk-secret" not in str(caught.value)


def test_a_key_may_lie_in_a_file(tmp_path):
    """A key file wins over the variable, and one that cannot be read is named."""
    (tmp_path / "key").write_text("sk-from-file\n")
    assert read(tmp_path, DOCENT_MODEL_KEY_FILE=str(tmp_path / "key")).key == "sk-from-file"
    with pytest.raises(SettingsError, match="no-such-file"):
        _ = read(tmp_path, DOCENT_MODEL_KEY_FILE=str(tmp_path / "no-such-file")).key


def test_the_address_of_the_database_may_lie_in_a_file(tmp_path):
    """Its file wins over the variable; a file without an address is refused, never taken for no database."""
    path = tmp_path / "database"
    path.write_text("postgresql://docent:hidden@db/docent\n")
    settings = read(tmp_path, DOCENT_DATABASE_URL_FILE=str(path))
    assert settings.database == "postgresql://docent:hidden@db/docent"
    assert "hidden" not in repr(settings) + str(settings.model_dump())
    for content in ("", "mysql://docent:hidden@db/docent"):
        path.write_text(content)
        with pytest.raises(SettingsError, match="holds no address") as caught:
            _ = read(tmp_path, DOCENT_DATABASE_URL_FILE=str(path)).database
        assert "hidden" not in str(caught.value)
    with pytest.raises(SettingsError, match="DOCENT_DATABASE_URL_FILE names .*no-such-file"):
        _ = read(tmp_path, DOCENT_DATABASE_URL_FILE=str(tmp_path / "no-such-file")).database


def test_a_refused_address_of_a_database_is_not_quoted(tmp_path):
    """It holds a password, which an error must not print."""
    with pytest.raises(SettingsError, match="DOCENT_DATABASE_URL is the value given") as caught:
        read(tmp_path, DOCENT_DATABASE_URL="mysql://docent:hidden@db/docent")
    assert "hidden" not in str(caught.value)


def test_settings_are_frozen(tmp_path):
    """Nothing changes a setting while Docent runs."""
    with pytest.raises(ValidationError):
        read(tmp_path).port = 9000


def test_every_setting_is_documented():
    """`.env.example` and docs/settings.md say what the settings are, all of them, as they are."""
    check = subprocess.run(
        [sys.executable, "tools/write_settings.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr
