"""Documents from elsewhere: a site, a mailbox, a WebDAV or S3 folder, a git repository.

Each source is copied into a folder of its own below data/, which the ingest reads like any other.
"""

from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.source_list import read_sources
from docent.sources.source_sync import SourceReport, Sources

__all__ = ["AllowedHosts", "SourceReport", "Sources", "read_sources"]
