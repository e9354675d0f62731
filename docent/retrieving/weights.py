"""Every weight of retrieval, in one place. Measured in docs/decisions/0040-what-finds-the-page.md."""

MEANING = 0.65
"""Of a piece's closeness in meaning; its words have the rest. Rank fusion was worse on all sets measured."""
PRIOR = 1.0
"""Of the document's prior."""
NAME = 0.6
"""Of the prior: how well the question names the document."""
EVIDENCE = 0.1
"""Of the prior, twice: what the search by meaning and the search by words found in the document."""
TITLE = 0.25
"""How much of a heading above the piece the question says."""
FIGURES = 0.25
"""How full of figures the piece is, where the question wants figures."""
NEIGHBOURS = 0.3
"""How many of the question's pairs of neighbouring words stand as neighbours in the piece."""
PAGE = 0.2
"""A page's best piece, plus 0.2 of its second and 0.04 of its third; more is unfair to pages of one piece."""
