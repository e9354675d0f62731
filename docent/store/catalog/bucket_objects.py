"""The statements on objects of a bucket: in which one an original lies, and which are to be deleted.

An object has a name of its own each time that the same bytes are stored, so a deletion that comes late, from
a process that was held up, never takes what another one has stored since.
"""

from __future__ import annotations

from collections.abc import Iterable

from docent.store.protocols import CatalogConnection

FOLDER = "bucket folder"
"""The setting with the folder of new objects, of which only this catalog deletes what no row names."""


def object_of(db: CatalogConnection, sha256: str) -> tuple[str, str]:
    """Return the object in which an original lies and its key, itself encrypted; each empty without one."""
    return db.execute("SELECT name, key FROM objects WHERE sha256 = ?", (sha256,)).fetchone() or ("", "")


def name_of(db: CatalogConnection, sha256: str) -> str:
    return object_of(db, sha256)[0]


def claim(db: CatalogConnection, sha256: str, name: str, key: str) -> None:
    """Let an original lie in an object; where it lies in another already, this one is to be deleted."""
    db.execute(
        "INSERT INTO objects (sha256, name, key) VALUES (?, ?, ?) ON CONFLICT (sha256) DO NOTHING",
        (sha256, name, key),
    )
    if name_of(db, sha256) != name:
        drop(db, [name])


def release(db: CatalogConnection, sha256: str) -> None:
    """Note that the object in which an original lies is to be deleted."""
    gone = db.execute("DELETE FROM objects WHERE sha256 = ? RETURNING name", (sha256,)).fetchall()
    drop(db, [name for (name,) in gone])


def drop(db: CatalogConnection, names: Iterable[str]) -> None:
    """Note that objects are to be deleted."""
    db.executemany(
        "INSERT INTO dropped_objects (name) VALUES (?) ON CONFLICT (name) DO NOTHING",
        [(name,) for name in names],
    )


def dropped(db: CatalogConnection) -> list[str]:
    """Return the objects that are to be deleted."""
    return [str(name) for (name,) in db.execute("SELECT name FROM dropped_objects ORDER BY name").fetchall()]


def forget(db: CatalogConnection, names: Iterable[str]) -> None:
    """Note that objects have been deleted."""
    db.executemany("DELETE FROM dropped_objects WHERE name = ?", [(name,) for name in names])


def leave_folder(db: CatalogConnection) -> None:
    """Use a new folder from now on: this copy of a catalog may not know all that is in the one of before."""
    db.execute("DELETE FROM meta WHERE key = ?", (FOLDER,))


def named(db: CatalogConnection) -> dict[str, str]:
    """Return the object of every original, by SHA-256."""
    return {str(key): str(name) for key, name in db.execute("SELECT sha256, name FROM objects").fetchall()}
