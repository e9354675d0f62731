"""Ask questions of your own documents, and see the page each answer came from.

loading/     load(file) → Document             what a file says, page by page
indexing/    index(document) → chunks          the pieces that are searched, and their vectors
retrieving/  retrieve(question) → passages     the pieces that answer a question
generating/  generate(question, passages) → tokens   the answer, with its citations
store/       everything at rest, and who may see it

Rooms never import each other; ingesting/, answering/ and evaluating/ are the corridors
that join them, and assembly is the only place that builds anything from Settings.
"""

__version__ = "0.1.0"
