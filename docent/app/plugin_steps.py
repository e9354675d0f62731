"""Plugins that run beside Docent's own steps: after a search, and after an ingest."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from docent.messages import Message
from docent.plugins import failed_plugin, load_plugin
from docent.types import FileReport, Notification, Passage

log = logging.getLogger(__name__)

NOTIFYING_SECONDS = 10.0
"""That an ingest waits for a notifier."""

RetrievalStep = Callable[[str, Sequence[Passage]], Sequence[Passage]]
Notifier = Callable[[Notification], None]


class PluginSteps:
    """The retrieval steps and notifiers of the settings, in their order. Raises PluginError for a wrong name.

    One that fails later is named on stderr, and the search or the ingest goes on without it.
    """

    def __init__(self, *, retrieval: Sequence[str], notifiers: Sequence[str]) -> None:
        self._steps: dict[str, RetrievalStep] = {name: load_plugin("retrieval", name) for name in retrieval}
        self._notifiers: dict[str, Notifier] = {name: load_plugin("notifiers", name) for name in notifiers}

    def refine(self, question: str, passages: list[Passage]) -> list[Passage]:
        """Return the passages that the steps leave, in their order.

        A step can add no passage, so nobody is shown what they may not see.
        """
        for name, step in self._steps.items():
            known = {passage.chunk_id: passage for passage in passages}
            try:
                chosen = [passage.chunk_id for passage in step(question, tuple(passages))]
            except Exception as error:  # a foreign package may raise anything
                log.warning("%s", failed_plugin(name, error))
                continue
            passages = [known[chunk] for chunk in dict.fromkeys(chosen) if chunk in known]
        return passages

    def tell_of_ingest(self, reports: Sequence[FileReport]) -> None:
        """Tell the notifiers of an ingest, if anything has changed."""
        changes = [report for report in reports if report.outcome != "unchanged"]
        if not changes or not self._notifiers:
            return
        counts = Counter(report.outcome for report in changes)
        text = Message(
            "Documents: {counts}", counts=", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
        )
        self._tell(Notification("ingested", text, tuple(changes)))

    def tell_of_failure(self, text: str) -> None:
        """Tell the notifiers of a source that could not be read."""
        if self._notifiers:
            self._tell(Notification("source_failed", text))

    def _tell(self, notification: Notification) -> None:
        for name, notifier in self._notifiers.items():
            thread = threading.Thread(
                target=_told, args=(name, notifier, notification), name=f"notifier {name}", daemon=True
            )
            thread.start()
            thread.join(NOTIFYING_SECONDS)
            if thread.is_alive():
                log.warning(
                    "The notifier %r takes more than %g s; it is not waited for.", name, NOTIFYING_SECONDS
                )


def _told(name: str, notifier: Notifier, notification: Notification) -> None:
    try:
        notifier(notification)
    except Exception as error:  # a foreign package may raise anything
        log.warning("%s", failed_plugin(name, error))
