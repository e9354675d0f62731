"""What other programs may ask over HTTP: the protocol that clients of OpenAI speak, and how Docent is doing.

door         before the chat: what is ours, with a request id and a line in the log
bounds       how long and how slow a request may be; nobody works for a client that has gone
application  every route, and errors as sentences
keys         who may ask, for which libraries, how often
allowed      the key of one request, turned into what it may see
chat         /v1/chat/completions and /v1/models
files        /v1/files
shelf        /v1/search, /v1/embeddings
shapes       what requests may say; answers: what is answered, for /openapi.json
refusals     every way of saying no
pages        /api-docs
"""
