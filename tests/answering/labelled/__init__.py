"""Answer sentences with what a careful reader says of each, and the passages they were written against.

supported: a passage says all of it. half: a passage says a part. number: a figure, name or day was
changed. unsupported: no passage says it, or one says the opposite.
"""
