"""From documents to questions that they answer, each checked.

page_questions(passages of a page) → Candidate → Checker: stated on the page, and found by asking → Question
"""
