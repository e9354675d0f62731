"""A made-up annual report: statements that print lines, among pages that say the words of questions."""

from __future__ import annotations

import hashlib
from pathlib import Path

from docent.indexing import chunk, embedded_text
from docent.store import Store
from docent.types import Document, Page, SourceFile, document_id
from tests.fakes.embedder import WordHashEmbedder

INCOME = """Consolidated Statements of Income
Years ended December 31,  2022  2021
(in millions)
Net sales  $  4,210  $  3,980
Cost of sales  2,744  2,610
Gross profit  1,466  1,370
Selling, general and administrative expenses  611  590
Research and development  120  118
Operating income  735  662
Interest expense  64  58
Income before income taxes  671  604
Provision for income taxes  161  139
Net income  $  510  $  465
Earnings per share, diluted  $  2.31  $  2.09"""
BALANCE = """Consolidated Balance Sheets
At December 31,  2022  2021
(in millions)
Cash and cash equivalents  $  402  $  377
Trade receivables, net  655  610
Inventories  580  533
Total current assets  1,702  1,590
Property, plant and equipment, net  1,377  1,290
Goodwill  640  640
Total assets  $  3,719  $  3,520
Accounts payable  430  401
Short-term debt  95  110
Total current liabilities  980  955
Long-term debt  1,010  1,050
Total shareholders' equity  1,729  1,515"""
CASH = """Consolidated Statements of Cash Flows
Years ended December 31,  2022  2021
(in millions)
Net income  510  465
Depreciation and amortization  190  181
Net cash provided by operating activities  688  640
Purchases of property, plant and equipment  (277)  (240)
Dividends paid  (204)  (190)
Repurchase of common stock  (120)  (90)
Net cash used in financing activities  (390)  (331)"""
PROSE = (
    "Item 1A. Risk Factors\nOur business is capital intensive at times, and the ratio of quick decisions to "
    "slow ones may decline. Working capital may tie up funds of the business in 2022.",
    "Item 7. Management's Discussion\nWe speak of margin and of the margin of error. Gross weight of our "
    "lorries rose by 3 percent in 2022, and the operating hours of each margin team by 2.",
    "Item 2. Properties\nThe business has 41 plants. Assets such as these return every year to the questions "
    "of our investors: the return on a plant is its assets' return in 2022 and 2021.",
    "Note 9 - Taxes\nThe effective date of a tax treaty, its rate and the tax rates of 14 countries of the "
    "business are listed for 2022 and 2021 below.",
    "Note 12 - Payables\nDays that a payable is outstanding are agreed with each supplier: 30 days, 60 days "
    "or more, outstanding at the end of 2022.",
    "Item 5. Market for the Shares\nOur shares are traded in two places. Free lunch and cash prizes flow at "
    "the meeting of 2022, and interest in its coverage by the press was high.",
)
PAGES = (*PROSE[:3], INCOME, BALANCE, CASH, *PROSE[3:])
STATEMENT_OF_INCOME, BALANCE_SHEET, CASH_FLOWS = 4, 5, 6
QUESTIONS = (
    ("Has the quick ratio of the business improved in 2022?", {BALANCE_SHEET}),
    (
        "Is it a capital-intensive business by the figures of 2022?",
        {STATEMENT_OF_INCOME, BALANCE_SHEET, CASH_FLOWS},
    ),
    ("Does the business have positive working capital in 2022?", {BALANCE_SHEET}),
    ("How did the gross margin change in 2022?", {STATEMENT_OF_INCOME}),
    ("How did the operating margin change in 2022?", {STATEMENT_OF_INCOME}),
    ("What is the return on assets in 2022?", {STATEMENT_OF_INCOME, BALANCE_SHEET}),
    ("What was the effective tax rate in 2022?", {STATEMENT_OF_INCOME}),
    ("How many days payable outstanding were there in 2022?", {STATEMENT_OF_INCOME, BALANCE_SHEET}),
    ("How much free cash flow was there in 2022?", {CASH_FLOWS}),
    ("What is the interest coverage in 2022?", {STATEMENT_OF_INCOME}),
    ("How much was paid in dividends in 2022 by the statement of cash flows?", {CASH_FLOWS}),
    ("What is EBITDA in 2022?", {STATEMENT_OF_INCOME, CASH_FLOWS}),
)
"""Each with the pages that print its lines."""


def put_report(store: Store, folder: Path, embedder: WordHashEmbedder) -> None:
    """Put the report into a store, with vectors."""
    file = folder / "annual_report_2022.pdf"
    file.write_text("\f".join(PAGES))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    pages = tuple(Page(number=number, text=text) for number, text in enumerate(PAGES, 1))
    document = Document(sha256=sha256, name=file.name, kind="pdf", pages=pages, language="en")
    chunks = chunk(
        document,
        document_id=document_id("default", sha256),
        tokenizer=embedder.tokenizer,
        size=60,
        overlap=10,
        limit=256,
    )
    source = SourceFile("default", file.name, file, file.stat().st_size, file.stat().st_mtime_ns)
    store.put_words(source, document, chunks)
    store.put_vectors([one.id for one in chunks], embedder.embed([embedded_text(one) for one in chunks]))
