"""A document's key sentences are whole, its own, in its order, and not its formalities."""

from __future__ import annotations

from docent.answering.key_sentences import key_sentences, key_sentences_of_each
from tests.answering.build import passage

HARBOUR = """\
The harbour of Larkwater is the oldest on the coast. Ferries leave the harbour every hour for the islands.
The ferries of Larkwater carry two million passengers a year.
Pursuant to section 12, the undersigned hereby certify this report.
A new pier for the ferries will open in the harbour next spring. Page 3 of 9
The harbour office answers questions about ferries on weekdays. Lunch."""


def test_sentences_about_the_subject_are_chosen():
    """What the text speaks of again and again is chosen; a formality is not."""
    found = key_sentences([passage(HARBOUR)], most=3)
    assert len(found.citations) == 3
    assert all("harbour" in one.quote or "ferries" in one.quote.lower() for one in found.citations)
    assert "undersigned" not in found.text
    starts = [citation.start for citation in found.citations]
    assert starts == sorted(starts)
    assert all(HARBOUR[one.start : one.end] == one.quote for one in found.citations)
    assert found.text.count("\n- ") == 2 and found.text.startswith("- ")


def test_each_of_several_documents_has_its_own():
    """Each stands below its name, and the numbers run on."""
    found = key_sentences_of_each([passage(HARBOUR, n=1), passage(HARBOUR, n=2)])
    assert "**museum1.pdf**" in found.text and "**museum2.pdf**" in found.text
    assert [citation.n for citation in found.citations] == [1, 2, 3, 4, 5, 6]


def test_a_short_text_has_a_summary_too():
    """Where sentences are few and short, they are taken all the same."""
    assert key_sentences([passage("Room 5 is locked. Keys are at the desk.")]).citations
