"""From files to the index: find, plan, read, cut into chunks, store their words, then their vectors."""

from docent.ingesting.discovery import find_files
from docent.ingesting.folders import IngestStopped, ingest
from docent.ingesting.ingest_pipeline import (
    ChunkSize,
    EmbeddingWorker,
    IngestPipeline,
    IngestProgress,
    rebuild,
)
from docent.ingesting.job_taker import JobTaker
from docent.ingesting.jobs import Jobs, LocalJobs, open_jobs
from docent.ingesting.rereading import Rereader
from docent.ingesting.uploads import Ticket, Uploads, UploadStatus, is_locked

__all__ = [
    "Rereader",
    "EmbeddingWorker",
    "ChunkSize",
    "IngestPipeline",
    "IngestProgress",
    "UploadStatus",
    "IngestStopped",
    "JobTaker",
    "Jobs",
    "LocalJobs",
    "Ticket",
    "Uploads",
    "find_files",
    "ingest",
    "is_locked",
    "open_jobs",
    "rebuild",
]
