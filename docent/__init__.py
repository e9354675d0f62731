"""Ask questions of your own documents, and see the page each answer came from.

loading/     reads a file into a Document, page by page
indexing/    cuts a document into chunks, and makes their vectors
retrieving/  finds the passages that may answer a question
answering/   writes the answer, with its citations
store/       keeps everything at rest, and who may see it

ingesting/ joins loading, indexing and the store; evaluating/ measures how well pages are found;
app/ builds everything from the settings; web/ and cli/ are what people use.
"""

__version__ = "0.1.0"
