"""The HTTP API for other programs: the protocol of OpenAI's clients, files, search, and how Docent is doing.

middleware        before the chat: API requests, bounded, with a request id and a log line
access            identify the client by its key, and what it may see
application       every route, errors as sentences, and /api-docs
chat_completions  /v1/models and /v1/chat/completions
document_routes   /v1/search, /v1/embeddings and /v1/files
schemas           requests and responses
http_errors       refusals
"""
