"""Sentences of answers with the label that a careful reader gave each, and their passages.

supported: a passage says all of it. half: a passage says a part. number: a figure, name or day was
changed. unsupported: no passage says it, or one says the opposite.
"""
