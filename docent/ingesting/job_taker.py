"""Take the jobs that any process has stored, in a thread of a process that reads for all."""

from __future__ import annotations

import logging
import threading

from docent.errors import DocentError
from docent.ingesting.ingest_pipeline import IngestPipeline
from docent.ingesting.rereading import Rereader
from docent.ingesting.uploads import Uploads

log = logging.getLogger(__name__)
POLL_SECONDS = 0.4  # a dead process signals nothing; what it had must be taken within a second


class JobTaker:
    """Hands waiting jobs to the readers of this process; each claims what it begins to read."""

    def __init__(self, pipeline: IngestPipeline, uploads: Uploads, rereader: Rereader) -> None:
        self._pipeline = pipeline
        self._uploads = uploads
        self._rereader = rereader
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None and self._pipeline.reads:
            self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Take no further jobs."""
        self._closing.set()
        if self._thread is not None:
            self._pipeline.jobs.wake()
            self._thread.join()

    def _run(self) -> None:
        seen, some_wait, reported = -1, False, ""
        jobs = self._pipeline.jobs
        while not self._closing.is_set():
            try:
                jobs.stand_by()
                version = self._pipeline.store.waiting.version
                # What nobody could take last time may be free now, without a change of the catalog.
                if some_wait or version != seen:
                    some_wait = self._uploads.take()
                if version != seen:
                    jobs.forget_done()
                    self._pipeline.background.start()  # somebody may have stored chunks without vectors
                self._rereader.take()
                seen, reported = version, ""
            except DocentError as error:  # the database is away: it is tried again
                if str(error) != reported:
                    log.warning("No jobs are taken. %s", error)
                reported = str(error)
            except Exception:  # a bug must not leave what was queued unread for good
                log.exception("No jobs could be taken; it is tried again.")
            jobs.wait(POLL_SECONDS)
