"""What other programs may ask over HTTP: the protocol that clients of OpenAI speak, and how Docent is doing.

keys      who may ask, for which libraries, how often
allowed   the key of one request, turned into what it may see
chat      /v1/chat/completions and /v1/models
shelf     /v1/files, /v1/search, /v1/embeddings
state     /health, /ready, /metrics
door      the application itself: bounds, request ids, errors as sentences
"""
