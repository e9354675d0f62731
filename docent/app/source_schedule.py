"""Sync sources while Docent serves, and name the origin of what they brought in answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docent.errors import DocentError
from docent.types import Answered, Event, Hop, Passage, PassagesFound

if TYPE_CHECKING:
    from docent.sources import Sources

log = logging.getLogger(__name__)

LONGEST_WAIT = 10.0  # seconds; with the readers closed an ingest ends at once, a request to a site may not


class SourceSchedule:
    """Runs a sync again and again in a thread, if there is an interval."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sync: Callable[[], Any]) -> None:
        """Sync now, and after each interval."""
        if self._seconds and self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(sync,), name="sources", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Begin no further sync. One under way goes on where it was next time."""
        self._stopping.set()

    def wait(self) -> None:
        """Wait for the writes of a sync under way: SQLite crashes where it is closed within a statement."""
        if self._thread is not None:
            self._thread.join(LONGEST_WAIT)

    def _run(self, sync: Callable[[], Any]) -> None:
        while not self._stopping.is_set():
            try:
                sync()
            except DocentError as error:
                log.warning("The sources could not be synced: %s", error)
            except Exception:
                if self._stopping.is_set():
                    return  # the store was closed under it
                log.exception("The sources could not be synced; it is tried again.")
            self._stopping.wait(self._seconds)


def with_origins(passages: Iterable[Passage], sources: Sources) -> list[Passage]:
    """Return passages with the origin of each document that a source brought."""
    return [replace(passage, origin=sources.origin(passage.document_id)) for passage in passages]


async def events_with_origins(
    events: AsyncGenerator[Event, None], sources: Sources
) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer, its passages and citations with their origins."""
    async with aclosing(events):
        async for event in events:
            match event:
                case PassagesFound(passages):
                    yield PassagesFound(tuple(with_origins(passages, sources)))
                case Hop():
                    yield _hop_with_origin(event, sources)
                case Answered(answer):
                    receipt = replace(
                        answer.receipt,
                        hops=tuple(_hop_with_origin(hop, sources) for hop in answer.receipt.hops),
                    )
                    citations = {
                        citation: replace(citation, origin=sources.origin(citation.document_id))
                        for citation in (*answer.citations, *(answer.fields or {}).values())
                        if citation is not None
                    }
                    fields = answer.fields and {
                        pointer: citation and citations[citation]
                        for pointer, citation in answer.fields.items()
                    }
                    yield Answered(
                        replace(
                            answer,
                            passages=tuple(with_origins(answer.passages, sources)),
                            citations=tuple(citations[citation] for citation in answer.citations),
                            fields=fields,
                            receipt=receipt,
                        )
                    )
                case _:
                    yield event


def _hop_with_origin(hop: Hop, sources: Sources) -> Hop:
    return replace(hop, citation=replace(hop.citation, origin=sources.origin(hop.citation.document_id)))
