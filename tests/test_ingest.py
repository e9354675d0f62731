"""The ingest script: what people do to a folder of documents, and what must survive it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from docent.app import Docent, open_docent
from docent.errors import UnreadableFile
from docent.ingesting import find_files
from docent.ingesting.ingest_pipeline import ReadDocument
from docent.loading import Limits, Loader, Ocr
from docent.settings import Settings
from docent.types import Chunk, FileReport, Scope

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043") + bytes(64) + b"\xff\xd9"


class Project:
    """A data/ and a storage/ of their own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.storage = folder / "storage"

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.data / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def run(self, *command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
        own = {"DOCENT_DATA": str(self.data), "DOCENT_STORAGE": str(self.storage)}
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=kept | own,
            capture_output=True,
            text=True,
            input=typed,
            start_new_session=True,  # without a terminal, what is typed comes from here
        )

    def ingest(self, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """What became of each file, by its path."""
        done = self.run("ingest.py", "--json", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return {row["path"]: row for row in json.loads(done.stdout)["files"]}

    def search(self, question: str) -> list[dict[str, Any]]:
        done = self.run("-m", "docent", "search", question, "--json")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def vectors(self) -> int:
        """How many have been made so far."""
        if not (catalog := self.storage / "index/catalog.db").exists():
            return 0
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as db:
            try:
                return int(db.execute("SELECT count(*) FROM vectors").fetchone()[0])
            except sqlite3.OperationalError:  # it is being made
                return 0

    def embedded(self, content: str) -> list[tuple[int]]:
        """The rows of the vectors of a document; made again, they are other ones."""
        with closing(sqlite3.connect(self.storage / "index/catalog.db")) as catalog:
            return catalog.execute(
                "SELECT v.chunk FROM vectors v JOIN chunks c ON c.n = v.chunk JOIN readings r "
                "ON r.n = c.reading JOIN documents d ON d.n = r.document WHERE d.sha256 = ?",
                (hashlib.sha256(content.encode()).hexdigest(),),
            ).fetchall()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def outcomes(reports: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {path: row["outcome"] for path, row in reports.items()}


def pdf(path: Path, *pages: str) -> None:
    canvas = Canvas(str(path), invariant=True)
    for text in pages:
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()


def test_a_folder_is_a_library_and_loose_files_are_default(project):
    """Each folder directly under data/ is a library; what lies beside them is "default"."""
    project.write("menus/lunch.md", "# Lunch\n\nTomato soup with basil.")
    project.write("menus/deep/dinner.txt", "Braised fennel for dinner.")
    project.write("note.txt", "The key is under the mat.")
    reports = project.ingest()
    assert {path: row["library"] for path, row in reports.items()} == {
        "lunch.md": "menus",
        "deep/dinner.txt": "menus",
        "note.txt": "default",
    }
    assert project.search("braised fennel")[0]["library"] == "menus"


def test_only_what_changed_is_read_again(project):
    """Unchanged, changed, renamed and removed files are told apart, and a renamed one keeps its vectors."""
    project.write("a.txt", "Apples are red.")
    project.write("b.txt", "Bananas are yellow.")
    project.write("c.txt", "Cherries are dark.")
    assert set(outcomes(project.ingest()).values()) == {"added"}
    assert set(outcomes(project.ingest()).values()) == {"unchanged"}
    made = project.embedded("Apples are red.")
    project.write("b.txt", "Blueberries are blue.")
    (project.data / "c.txt").unlink()
    (project.data / "a.txt").rename(project.data / "apples.txt")
    assert outcomes(project.ingest()) == {
        "a.txt": "removed",
        "apples.txt": "moved",
        "b.txt": "changed",
        "c.txt": "removed",
    }
    assert project.embedded("Apples are red.") == made != []
    assert {row["file"] for row in project.search("fruit")} == {"apples.txt", "b.txt"}
    assert not [row for row in project.search("bananas") if "Bananas" in row["text"]]


def test_the_same_bytes_twice_are_one_document(project):
    """Two files with the same bytes are found once, and losing one of them loses nothing."""
    project.write("one.txt", "The lighthouse keeper counts ships.")
    project.write("two.txt", "The lighthouse keeper counts ships.")
    project.ingest()
    assert len(project.search("lighthouse")) == 1
    (project.data / "one.txt").unlink()
    project.ingest()
    assert len(project.search("lighthouse")) == 1


def test_bad_files_are_named_and_the_rest_is_ingested(project):
    """Each bad file gets its sentence; everything else in the batch is there afterwards."""
    project.write("good.md", "# Good\n\nThe pangolin eats ants.")
    project.write("empty.pdf", b"")
    project.write("photo.pdf", JPEG)
    project.write("broken.pdf", b"%PDF-1.7\nnothing that follows makes sense")
    project.write("name with spaces 🦔.txt", "The hedgehog sleeps in winter.")
    project.write("one line.txt", "lorem ipsum dolor sit amet " * 40_000)
    reports = project.ingest(code=1)
    assert (
        outcomes(reports)
        == {
            "good.md": "added",
            "empty.pdf": "failed",
            "photo.pdf": "failed",
            "broken.pdf": "failed",
            "name with spaces 🦔.txt": "added",
            "one line.txt": "added",
        }
        or reports["photo.pdf"]["outcome"] == "partial"
    )
    assert "empty" in reports["empty.pdf"]["reason"]
    assert "photo.pdf" in reports["photo.pdf"]["reason"] or "OCR" in reports["photo.pdf"]["reason"]
    assert "broken.pdf" in reports["broken.pdf"]["reason"]
    assert project.search("What does the pangolin eat?")[0]["file"] == "good.md"
    assert project.search("hedgehog")[0]["file"] == "name with spaces 🦔.txt"


def test_what_lies_oddly_in_a_folder_is_named(project, tmp_path):
    """A link that leads out, a pipe and a name in bytes are named, in JSON and in the table."""
    project.write("a.txt", "Apples are red.")
    (tmp_path / "secret.txt").write_text("The code is 4711.")
    (project.data / "out.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(project.data / "pipe.pdf")
    Path(os.fsdecode(os.fsencode(project.data) + b"/caf\xe9.txt")).write_text("Coffee.")
    reports = project.ingest(code=1)
    assert outcomes(reports) == {
        "a.txt": "added",
        "out.txt": "failed",
        "pipe.pdf": "failed",
        r"caf\xe9.txt": "failed",
    }
    assert "DOCENT_FOLLOW_LINKS=1" in reports["out.txt"]["reason"]
    assert "a named pipe" in reports["pipe.pdf"]["reason"]
    done = project.run("ingest.py")
    assert (done.returncode, done.stderr) == (1, "")
    assert r"caf\xe9.txt" in done.stdout
    assert {row["file"] for row in project.search("code 4711")} <= {"a.txt"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_prints_what_it_has(project, number):
    """As JSON that says so, with an exit code that does as well."""
    project.write("a.txt", "Apples are red.")
    project.write("long.txt", "\n\n".join(f"Sentence {n} speaks of {n * 7919}." for n in range(60_000)))
    own = {"DOCENT_DATA": str(project.data), "DOCENT_STORAGE": str(project.storage)}
    running = subprocess.Popen(
        [sys.executable, "ingest.py", "--json"],
        cwd=ROOT,
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while project.vectors() < 2:  # the only one of a.txt, and some of long.txt
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(number)
    said, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "Stopped. What was finished is kept" in errors
    assert "Traceback" not in errors
    found = json.loads(said)
    assert found["stopped"] is True
    assert ("a.txt", "added") in [(row["path"], row["outcome"]) for row in found["files"]]


def test_a_document_without_text_says_so(project):
    """JSON, the table, its last line and `docent list` say that nothing can be searched, and why."""
    canvas = Canvas(str(project.data / "blank.pdf"))
    canvas.showPage()
    canvas.save()
    canvas = Canvas(buffer := io.BytesIO())
    canvas.acroForm.textfield(name="surname", x=90, y=700)
    canvas.showPage()
    canvas.save()
    project.write("form.pdf", buffer.getvalue())
    project.write("void.txt", "\n \n")
    project.write("note.txt", "The key is under the mat.")
    reports = project.ingest()
    nothing = "Nothing to search: no text was found. "
    assert {path: row["reason"] for path, row in reports.items()} == {
        "blank.pdf": nothing + "There is nothing on this page.",
        "form.pdf": nothing
        + "The page holds only form fields, which are not read. Once filled in, print it to a PDF.",
        "void.txt": nothing + "There is no text in it.",
        "note.txt": "",
    }
    assert [path for path, row in reports.items() if row["nothing_to_search"]] == [
        "blank.pdf", "form.pdf", "void.txt",
    ]  # fmt: skip
    shutil.rmtree(project.storage)
    done = project.run("ingest.py")
    assert done.stdout.rstrip().endswith("4 added; 3 with nothing to search")
    assert "Nothing to search" in done.stdout
    listed = project.run("-m", "docent", "list").stdout
    assert listed.count(nothing) == 3
    assert "only form fields" in listed


def test_a_document_without_text_that_was_read_before(project):
    """An index that was made before reasons were noted says so, too."""
    project.write("void.txt", "\n \n")
    project.ingest()
    with closing(sqlite3.connect(project.storage / "index/catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE readings SET reason = ''")
    assert "Nothing to search: no text was found. Read it again" in project.run("-m", "docent", "list").stdout


def test_synonyms_are_no_document(project):
    """A library's synonyms.txt is not searched; a line that says nothing is named with its number."""
    project.write("hikes/alps.txt", "The hut serves pumpkin soup.")
    project.write("hikes/synonyms.txt", "soup = broth\npumpkin\n")
    project.write("hikes/more/synonyms.txt", "A list of words, which is a document.")
    reports = project.ingest(code=1)
    assert outcomes(reports) == {"alps.txt": "added", "more/synonyms.txt": "added", "synonyms.txt": "failed"}
    assert reports["synonyms.txt"]["reason"].startswith("Line 2, 'pumpkin', names no synonym")


def test_figures_are_no_document(project):
    """A library's figures.toml is not searched; a table that is no figure is named."""
    project.write("hikes/alps.txt", "The hut serves pumpkin soup.")
    project.write("hikes/figures.toml", '["climb rate"]\nlines = ["metres climbed"]\n["soup"]\nrows = []\n')
    reports = project.ingest(code=1)
    assert outcomes(reports) == {"alps.txt": "added", "figures.toml": "failed"}
    assert reports["figures.toml"]["reason"].startswith("'soup' is no figure")


def test_a_file_that_is_being_copied_is_read_when_it_is_there(project):
    """What is empty and has just been made is looked at once more before it is said to be empty."""
    environ = {"DOCENT_DATA": str(project.data), "DOCENT_STORAGE": str(project.storage)}
    with open_docent(Settings.read(environ=environ)) as docent:
        file = project.write("a.txt", "")
        copying = threading.Timer(0.4, lambda: file.write_text("Apples are red."))
        copying.start()
        (report,) = docent.ingest([file], retry_failed=False, password=None, on_progress=lambda _: None)
        copying.join()
        assert report.outcome == "added"
        assert [passage.text for passage in docent.retrieve("apples", Scope())] == ["Apples are red."]


def test_failed_files_are_tried_again_only_when_asked_or_changed(project):
    """A file that cannot be read is reported each time, and read again once it is mended."""
    project.write("late.pdf", b"")
    assert outcomes(project.ingest(code=1)) == {"late.pdf": "failed"}
    listed = project.run("-m", "docent", "list")
    assert re.match(r"default  late.pdf  failed  \(late.pdf .*\)\n$", listed.stdout)
    assert "late.pdf" in project.run("-m", "docent", "doctor").stdout
    assert outcomes(project.ingest(code=1)) == {"late.pdf": "failed"}
    assert outcomes(project.ingest("--retry-failed", code=1)) == {"late.pdf": "failed"}
    pdf(project.data / "late.pdf", "It arrived at last.")
    assert outcomes(project.ingest())["late.pdf"] == "changed"
    assert project.search("arrived at last")[0]["page"] == 1


def test_a_version_that_cannot_be_read_leaves_the_old_one(project):
    """Nothing stored is lost when a file becomes unreadable."""
    pdf(project.data / "rules.pdf", "No running at the pool.")
    project.ingest()
    project.write("rules.pdf", b"%PDF-1.7 truncated")
    reports = project.ingest(code=1)
    assert reports["rules.pdf"]["outcome"] == "failed"
    assert "No running" in project.search("running at the pool")[0]["text"]


def test_pages_are_physical_numbers(project):
    """A passage names the page it stands on, counted from 1."""
    pdf(project.data / "two.pdf", "First the anchor is raised.", "Then the sail is set.")
    project.ingest()
    assert {row["text"]: row["page"] for row in project.search("anchor and sail")} == {
        "First the anchor is raised.": 1,
        "Then the sail is set.": 2,
    }


def test_an_unreadable_folder(project, monkeypatch):
    """A folder that may not be read is named with its remedy, and the files beside it are found."""
    project.write("closed/secret.txt", "x")
    project.write("open.txt", "The gate is open.")
    look = Path.iterdir

    def refused(folder):
        # Root may look into everything, so the refusal itself is made here.
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return look(folder)

    monkeypatch.setattr(Path, "iterdir", refused)
    files, closed = find_files([project.data], data=project.data)
    assert [file.path for file in files] == ["open.txt"]
    assert [(report.library, report.outcome) for report in closed] == [("default", "failed")]
    assert "chmod u+rx" in closed[0].reason


CLOSED = """
import os, sys
from pathlib import Path
from docent.errors import InputError
from docent.ingesting.discovery import find_files, is_gone
data = Path(sys.argv[1])
for mode in (0o000, 0o444):  # neither listed nor entered; listed, and not entered
    (data / "closed").chmod(mode)
    if os.getuid() == 0:
        os.seteuid(65534)  # root may enter every folder
    files, (report,) = find_files([data], data=data)
    print(files, "chmod u+rx" in report.reason)
    print(is_gone("closed", "secret.txt", data), is_gone("other", "secret.txt", data))
    try:
        find_files([data / "closed" / "secret.txt"], data=data)
    except InputError as error:
        print(error)
    os.seteuid(os.getuid())
(data / "closed").chmod(0o755)
"""


def test_a_folder_that_is_closed_for_a_while():
    """It is named with its remedy, and what was read of it before is not taken for removed."""
    with tempfile.TemporaryDirectory(prefix="docent-test-") as folder:  # one that others may enter
        Path(folder).chmod(0o755)
        (Path(folder) / "closed").mkdir()
        (Path(folder) / "closed" / "secret.txt").write_text("x")
        command = [sys.executable, "-c", CLOSED, folder]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(
        r"(\[\] True\nFalse True\n.*secret.txt does not exist or may not be looked at.*\n){2}", said
    )


def test_a_fault_that_nobody_foresaw_costs_its_own_file(project, monkeypatch):
    """Whatever is raised over one file, alone or among others, the rest is ingested and it is tried again."""
    for name in ("a", "b", "c"):
        project.write(f"{name}.txt", f"{name} is a letter.")
    chunks = ReadDocument.chunks

    def stumble(read: ReadDocument, library: str) -> list[Chunk]:
        if read.document.name == "b.txt":
            raise RuntimeError("a fault")
        return chunks(read, library)

    with open_docent(Settings(data=project.data, storage=project.storage)) as docent:

        def ingested() -> dict[str, FileReport]:
            found = docent.ingest([project.data], retry_failed=False, password=None, on_progress=print)
            return {one.path: one for one in found}

        monkeypatch.setattr(ReadDocument, "chunks", stumble)
        reports = ingested()
        monkeypatch.undo()
        assert [reports[f"{name}.txt"].outcome for name in "abc"] == ["added", "failed", "added"]
        assert "a fault" in reports["b.txt"].reason
        assert "doctor" in reports["b.txt"].reason
        assert ingested()["b.txt"].outcome == "added"


def test_what_is_not_the_files_fault_is_tried_again(project, monkeypatch):
    """Where the machine had no room, it is named and listed, and the next ingest reads it."""
    project.write("a.txt", "Apples are red.")
    with open_docent(Settings(data=project.data, storage=project.storage)) as docent:

        def ingested() -> FileReport:
            (report,) = docent.ingest([project.data], retry_failed=False, password=None, on_progress=print)
            return report

        with monkeypatch.context() as full:
            full.setattr(sys, "executable", str(project.data / "nothing"))
            assert "try again" in ingested().reason
        assert [one.path for one in docent.store.failures(Scope())] == ["a.txt"]
        assert ingested().outcome == "changed"
        assert docent.store.failures(Scope()) == []
        assert ingested().outcome == "unchanged"


def test_a_file_that_vanishes_while_it_is_read(project):
    """A file listed and then deleted is reported; nothing else suffers."""
    gone = project.write("gone.txt", "x")
    (file,), _ = find_files([gone], data=project.data)
    gone.unlink()
    with (
        Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader,
        pytest.raises(UnreadableFile) as said,
    ):
        loader.load(file.full)
    assert "gone.txt is no longer there" in str(said.value)


def test_a_locked_pdf_opens_with_its_password(project):
    """Without the password the file is named with the way to give it; with it, its text is found."""
    pdf(project.data / "plain.pdf", "The vault opens at noon.")
    writer = PdfWriter(clone_from=project.data / "plain.pdf")
    writer.encrypt("sesame")
    writer.write(project.data / "locked.pdf")
    (project.data / "plain.pdf").unlink()
    assert "--password" in project.ingest(code=1)["locked.pdf"]["reason"]
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        document = loader.load(project.data / "locked.pdf", password="sesame")
    assert "vault opens at noon" in document.pages[0].text


def test_a_password_is_used_once_and_kept_nowhere(project):
    """What was typed at `--password` is in no file of storage/ and in no line of output."""
    pdf(project.data / "plain.pdf", "The vault opens at dawn.")
    writer = PdfWriter(clone_from=project.data / "plain.pdf")
    (project.data / "plain.pdf").unlink()
    writer.encrypt("sesame-for-this-test", algorithm="AES-256")
    writer.write(project.data / "locked.pdf")
    done = project.run("ingest.py", "--password", typed="sesame-for-this-test\n")
    assert done.returncode == 0, done.stderr
    assert "locked.pdf" in done.stdout
    assert "sesame" not in done.stdout + done.stderr
    kept = [path for path in project.storage.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"sesame-for-this-test" in path.read_bytes()]


def test_empty_data_says_what_to_do(project):
    """With nothing to read, the way to begin is said, and nothing fails."""
    project.data = project.data.rename(project.data.with_name("[bold]"))
    done = project.run("ingest.py")
    assert done.returncode == 0
    assert f"Put PDF, Markdown or text files into {project.data} and" in done.stdout


def test_a_data_folder_whose_drive_is_away(project, tmp_path):
    """It is made at the first time only; later its documents stay until it is back."""
    project.data.rmdir()
    project.ingest()
    assert project.data.is_dir()
    project.write("note.txt", "The key is under the mat.")
    project.ingest()
    away = project.data.rename(tmp_path / "away")
    done = project.run("ingest.py")
    assert done.returncode == 2
    assert "Nothing was removed from the index. Bring it back" in done.stderr
    assert project.search("key")[0]["file"] == "note.txt"
    away.rename(project.data)
    assert outcomes(project.ingest()) == {"note.txt": "unchanged"}


def test_a_path_that_is_not_there(project):
    """A path that does not exist is named, with exit code 2."""
    done = project.run("ingest.py", str(project.data / "nowhere"))
    assert done.returncode == 2
    assert "nowhere does not exist" in done.stderr


def test_one_path_touches_nothing_else(project):
    """Ingesting one file neither reads nor removes what lies elsewhere."""
    project.write("a.txt", "Apples.")
    b = project.write("b.txt", "Bananas.")
    project.ingest()
    (project.data / "a.txt").unlink()
    b.write_text("Big bananas.")
    assert outcomes(project.ingest(str(b))) == {"b.txt": "changed"}
    assert project.search("apples")[0]["file"] == "a.txt"


def test_another_chunk_size_refuses_and_rebuild_mends(project):
    """An index made with other settings is not mixed with new ones; --rebuild makes it anew."""
    project.write("a.txt", "Apples are red.")
    project.ingest()
    os.environ["DOCENT_CHUNK_TOKENS"] = "100"
    try:
        kept = dict(os.environ) | {"DOCENT_DATA": str(project.data), "DOCENT_STORAGE": str(project.storage)}
        command = [sys.executable, "ingest.py"]
        done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True)
        assert done.returncode == 2
        assert "python -m docent ingest --rebuild" in done.stderr
        done = subprocess.run([*command, "--rebuild"], cwd=ROOT, env=kept, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        search = [sys.executable, "-m", "docent", "search", "apples", "--json"]
        done = subprocess.run(search, cwd=ROOT, env=kept, capture_output=True, text=True)
        assert json.loads(done.stdout)[0]["file"] == "a.txt"
        done = subprocess.run([*command, "--rollback"], cwd=ROOT, env=kept, capture_output=True, text=True)
        assert "chunks" in done.stderr
        assert done.stdout == "", "it says nothing of files, of which none was looked at"
    finally:
        del os.environ["DOCENT_CHUNK_TOKENS"]
    assert project.search("apples")[0]["file"] == "a.txt", "the old settings and the old index, as before"
    with closing(sqlite3.connect(project.storage / "index/catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE readings SET loader = 0")
    assert "1 of them were read by an older Docent" in project.run("-m", "docent", "list").stderr
    assert "by an older loader" in project.run("-m", "docent", "doctor").stdout
    assert project.run("ingest.py", "--rebuild=full").returncode == 0
    assert project.run("-m", "docent", "list").stderr == ""
    assert project.search("apples")[0]["file"] == "a.txt"
    assert "is removed" in project.run("ingest.py", "--forget-previous").stderr
    assert "no earlier index" in project.run("ingest.py", "--rollback").stderr


def rebuild_beside(docent: Docent, project: Project) -> None:
    """Another process rebuilds and rolls back: the one that runs answers from that index at once."""
    with closing(sqlite3.connect(project.storage / "index/catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE chunks SET header = 'of the old index'")
    stop, told = threading.Event(), set()

    def ask() -> None:
        while not stop.is_set():
            told.add(tuple(passage.text for passage in docent.retrieve("apples", Scope())))

    asking = threading.Thread(target=ask)
    asking.start()
    headers = []
    for step in ("--rebuild", "--rollback", "--rollback", "--forget-previous"):
        done = project.run("ingest.py", step)
        assert done.returncode == 0, done.stderr
        [document] = docent.store.documents(Scope())
        headers += [chunk.header for chunk in docent.store.chunks_of(document.id, Scope())]
    stop.set()
    asking.join()
    assert told == {("Apples are red.",)}
    assert [header == "of the old index" for header in headers] == [False, True, False, False]
    assert "no earlier index" in project.run("ingest.py", "--rollback").stderr


def test_beside_a_running_docent(project):
    """While another owns storage/, ingest, rebuild, search, list, delete and doctor work as if alone."""
    project.write("a.txt", "Apples are red.")
    environ = {"DOCENT_DATA": str(project.data), "DOCENT_STORAGE": str(project.storage)}
    with open_docent(Settings.read(environ=environ)) as docent:
        docent.work()
        assert outcomes(project.ingest()) == {"a.txt": "added"}
        assert [one.state for one in docent.store.documents(Scope())] == ["ready"]
        assert [passage.text for passage in docent.retrieve("apples", Scope())] == ["Apples are red."]
        assert project.search("apples")[0]["file"] == "a.txt"
        assert "1 page" in project.run("-m", "docent", "list").stdout
        assert "not ok  storage" not in project.run("-m", "docent", "doctor").stdout
        rebuild_beside(docent, project)
        done = project.run("-m", "docent", "delete", "a.txt")
        assert done.returncode == 0, done.stderr
        assert "Left behind: 0" in done.stdout
        assert docent.store.documents(Scope()) == []
    assert outcomes(project.ingest()) == {"a.txt": "added"}


def test_storage_can_be_moved(project, tmp_path):
    """The folder is the whole index: copied elsewhere, it answers there."""
    project.write("a.txt", "Apples are red.")
    project.ingest()
    shutil.move(project.storage, tmp_path / "elsewhere")
    project.storage = tmp_path / "elsewhere"
    assert project.search("apples")[0]["file"] == "a.txt"


class Watching:
    """`ingest.py --watch --json` in the background, and what it says."""

    def __init__(self, project: Project, **environ: str) -> None:
        own = {"DOCENT_DATA": str(project.data), "DOCENT_STORAGE": str(project.storage)}
        self.process = subprocess.Popen(
            [sys.executable, "ingest.py", "--watch", "--json"],
            cwd=ROOT,
            env=os.environ | own | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self) -> tuple[str, str]:
        assert self.process.stdout is not None
        row = json.loads(self.process.stdout.readline())
        return row["path"], row["outcome"]

    def stop(self) -> float:
        began = time.monotonic()
        self.process.terminate()
        _, errors = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, errors
        assert "Traceback" not in errors
        return time.monotonic() - began


@pytest.mark.parametrize("polling", ["on", "off"])
def test_watching(project, polling):
    """Added, changed, moved, removed and unreadable files are followed; a stop takes seconds at most."""
    project.write("a.txt", "Apples are red.")
    watching = Watching(project, DOCENT_WATCH_POLLING=polling)
    assert watching.said() == ("a.txt", "added")
    project.write("b.txt", "Bananas are yellow.")
    assert watching.said() == ("b.txt", "added")
    project.write("b.txt", "Blueberries are blue, mostly.")
    assert watching.said() == ("b.txt", "changed")
    (project.data / "a.txt").rename(project.data / "c.txt")
    assert {watching.said(), watching.said()} == {("a.txt", "removed"), ("c.txt", "moved")}
    project.write("broken.pdf", b"%PDF-1.7 nothing")
    assert watching.said() == ("broken.pdf", "failed")
    (project.data / "c.txt").unlink()
    assert watching.said() == ("c.txt", "removed")
    assert project.search("blueberries")[0]["file"] == "b.txt"
    assert watching.stop() < 10


def test_watching_survives_a_folder_that_goes_away(project):
    """While data/ is away that is said; when it is back, so is what is in it."""
    project.write("a.txt", "Apples are red.")
    watching = Watching(project)
    assert watching.said() == ("a.txt", "added")
    project.data.rename(project.data.with_name("away"))
    assert watching.process.stderr is not None
    while "does not exist" not in watching.process.stderr.readline():
        pass
    project.write("away.txt", "Bananas are yellow.")
    assert {watching.said(), watching.said()} == {("a.txt", "removed"), ("away.txt", "added")}
    watching.stop()
