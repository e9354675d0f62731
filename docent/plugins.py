"""Parts that other packages bring, found by their entry points when they are asked for.

    docent.loaders      a reader of another file format
    docent.models       a client of another kind of model server
    docent.embedders    another embedding model
    docent.retrieval    a step that orders or leaves out passages
    docent.notifiers    a function that is told of every ingest

docs/extending.md has an example of each. A package that is installed runs with the rights of Docent.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from docent.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Group = Literal["loaders", "models", "embedders", "retrieval", "notifiers"]
PREFIX = "plugin:"
"""Begins the value of a setting that names a plugin where it may also name a part of Docent's own."""


@cache
def installed(group: Group) -> dict[str, EntryPoint]:
    """Return the plugins of a group by name. It takes 0.1 s with 400 packages, and is asked once."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"docent.{group}")}


def load_plugin(group: Group, name: str) -> Any:
    """Import a plugin. Raises PluginError for one that is not installed, or that fails to import."""
    point = installed(group).get(name)
    if point is None:
        raise PluginError(
            "There is no plugin {name!r} among docent.{group}. Installed: {known}. Install its package, or "
            "correct the name.",
            name=name,
            group=group,
            known=", ".join(sorted(installed(group))) or "none",
        )
    try:
        plugin = point.load()
    except Exception as error:  # a foreign package may raise anything when it is imported
        raise failed_plugin(name, error) from error
    if not callable(plugin):
        raise PluginError(
            "The plugin {name!r} is {kind}, where a function or a class is needed ({value}). Update its "
            "package, or remove it.",
            name=name,
            kind=type(plugin).__name__,
            value=point.value,
        )
    return plugin


def failed_plugin(name: str, error: Exception) -> PluginError:
    """Return the error for a plugin that raised one."""
    return PluginError(
        "The plugin {name!r} failed ({why}). Update its package, or remove it.",
        name=name,
        why=f"{type(error).__name__}: {error}"[:300],
    )


def check_protocol(plugin: object, protocol: type, name: str) -> None:
    """Raise PluginError for a plugin without one of the members of its protocol."""
    wanted = {*vars(protocol), *protocol.__annotations__}
    missing = sorted(
        member for member in wanted if not member.startswith("_") and not hasattr(plugin, member)
    )
    if missing:
        raise PluginError(
            "The plugin {name!r} has no {missing}, which {protocol} needs. Update its package, or remove it.",
            name=name,
            missing=", ".join(missing),
            protocol=protocol.__name__,
        )
