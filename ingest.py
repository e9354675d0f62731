"""Read the documents in data/ into storage/: `python ingest.py [PATHS…]`, the same as `docent ingest`."""

import sys

from docent.cli.ingest_command import main

if __name__ == "__main__":
    sys.exit(main())
