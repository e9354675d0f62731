"""Tables come back from the pages they were read into, and can be asked in SQL but not harmed."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from docent.answering.tools.sheet_tables import tables_of
from docent.answering.tools.table_queries import MOST_SHOWN, described, query
from docent.errors import InputError
from docent.loading import Limits, Loader, Ocr
from docent.types import Heading, Page

WINES = Page(
    1,
    "Wine | Year | Price\nWine: Barolo | Year: 2019 | Price: €42.50\nWine: Soave | dry | Year: 2021\n"
    "Wine: Chablis | Year: 2020 | Price: €28.00",
    place="sheet 'Wine list', rows 1–4",
    headings=(Heading(0, "Wine | Year | Price"),),
)
MORE = Page(
    2,
    "Wine | Year | Price\nWine: Rioja | Year: 2018 | Price: €31.50",
    place="sheet 'Wine list', rows 5–5",
    headings=(Heading(0, "Wine | Year | Price"),),
)
TABLES = tables_of("cellar.xlsx", [WINES, MORE])


def page(*rows: str) -> Page:
    return Page(1, "\n".join(rows), place=f"rows 1–{len(rows)}", headings=(Heading(0, rows[0]),))


def column(*cells: str) -> tuple[str, str, list[object]]:
    table = tables_of("t.csv", [page("Name | Value", *(f"{n} | {cell}" for n, cell in enumerate(cells)))])[0]
    return table.kinds[1], table.units[1], [row[1] for row in table.rows]


def test_a_table_is_one_however_many_pages_it_takes():
    """Rows stand under their columns, an empty cell stays empty, and a sign between cells may be in one."""
    assert len(TABLES) == 1
    assert TABLES[0].name == "wine_list"
    assert TABLES[0].columns == ("wine", "year", "price")
    assert TABLES[0].rows == (
        ("Barolo", 2019, 42.5), ("Soave | dry", 2021, None), ("Chablis", 2020, 28.0), ("Rioja", 2018, 31.5),
    )  # fmt: skip
    assert described(TABLES) == "Tables: wine_list(wine TEXT, year INTEGER, price REAL €), 4 rows"


def test_rows_without_labels_and_titles_above():
    """Short tables do not name their columns in every row; a title is no row."""
    sheet = Page(
        1, "Stock of May\nItem | Count\nTea | 4\nCoffee | 12",
        headings=(Heading(0, "Stock of May"), Heading(13, "Item | Count")),
    )  # fmt: skip
    table = tables_of("stock.csv", [sheet])[0]
    assert (table.name, table.columns, table.rows) == (
        "stock",
        ("item", "count"),
        (("Tea", 4), ("Coffee", 12)),
    )


def test_names_can_be_written_in_a_query():
    """Two columns of one name, a word of SQL, digits and signs all become plain names."""
    table = tables_of("2024 Über.csv", [page("Group | Group | % of all | 2019 | ", "a | b | 1 | 2 | c")])[0]
    assert table.name == "t_2024_uber"
    own = tables_of("SQLite notes.csv", [page("a | b", "1 | 2")])
    assert query("SELECT a FROM t_sqlite_notes", own).rows == ((1,),)
    assert table.columns == ("t_group", "t_group_2", "of_all", "t_2019", "column_5")


@pytest.mark.parametrize(
    ("cells", "kind", "unit", "values"),
    [
        pytest.param(["1,284.60", "12.00"], "REAL", "", [1284.6, 12.0], id="English"),
        pytest.param(["1.284,60", "3,5"], "REAL", "", [1284.6, 3.5], id="German"),
        pytest.param(["1,284", "12"], "INTEGER", "", [1284, 12], id="thousands"),
        pytest.param(["0.125", "1.500"], "REAL", "", [0.125, 1.5], id="three places are no thousands"),
        pytest.param(["12 345", "1"], "INTEGER", "", [12345, 1], id="thousands with a space"),
        pytest.param(["€12.50", "€ 3"], "REAL", "€", [12.5, 3], id="money"),
        pytest.param(["-$5", "$3"], "INTEGER", "$", [-5, 3], id="sign before money"),
        pytest.param(["12 %", "(3) %"], "INTEGER", "%", [12, -3], id="shares, one in brackets"),
        pytest.param(["12 kg", "300 g"], "TEXT", "", ["12 kg", "300 g"], id="two units are not added up"),
        pytest.param(["€5", "$5"], "TEXT", "", ["€5", "$5"], id="two currencies neither"),
        pytest.param(["1.2.3", "1.2.4"], "TEXT", "", ["1.2.3", "1.2.4"], id="versions"),
        pytest.param(["2024-01-03", "2024-02-03"], "TEXT", "", ["2024-01-03", "2024-02-03"], id="dates"),
        pytest.param(["007", "12"], "TEXT", "", ["007", "12"], id="codes keep their zeros"),
        pytest.param(["n/a", "3"], "TEXT", "", ["n/a", "3"], id="one word makes it text"),
    ],
)  # fmt: skip
def test_numbers_are_read_by_column(cells, kind, unit, values):
    """How a column writes its numbers is seen in all of them, and what is no number is left as text."""
    assert column(*cells) == (kind, unit, values)


def test_a_query():
    """Counting, adding up, filtering and sorting, over the values and not their looks."""
    found = query("SELECT wine, price FROM wine_list WHERE price < 40 ORDER BY price DESC", TABLES)
    assert found.columns == ("wine", "price")
    assert found.rows == (("Rioja", 31.5), ("Chablis", 28.0))
    assert query("SELECT count(*), round(sum(price), 2) FROM wine_list", TABLES).rows == ((4, 102.0),)
    assert not found.more
    many = tables_of("n.csv", [page("n | m", *(f"{n} | {n}" for n in range(200)))])
    found = query("SELECT n FROM n", many)
    assert (len(found.rows), found.more) == (MOST_SHOWN, True)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE wine_list",
        "DELETE FROM wine_list",
        "INSERT INTO wine_list VALUES ('x', 1, 2)",
        "CREATE TABLE x (y)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "ATTACH '/etc/passwd' AS other",
        "VACUUM INTO '/tmp/stolen'",
        "PRAGMA database_list",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT randomblob(1000000000)",
        "SELECT zeroblob(1000000000)",
        "SELECT replace(hex(zeroblob(9)), '0', '00')",
        "SELECT printf('%999999999d', 1)",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "SELECT 1; DROP TABLE wine_list",
        "BEGIN",
        "",
        "SELECT * FROM documents",
        "SELECT '" + "x" * 3000 + "'",
        "SELECT " + "(" * 500 + "1" + ")" * 500,
        "no SQL at all",
        "SELECT '\x00'",
    ],
)  # fmt: skip
def test_whatever_is_no_reading_of_these_tables_is_refused(sql):
    """Nothing is written, no file is opened, nothing is made large; the tables that there are, are named."""
    with pytest.raises(InputError, match="wine_list"):
        query(sql, TABLES)


def test_a_query_that_takes_long_is_stopped():
    """Two seconds are enough for any honest question to a table."""
    many = tables_of("n.csv", [page("n | m", *(f"{n} | {n}" for n in range(3000)))])
    start = time.monotonic()
    with pytest.raises(InputError, match="longer than 2 seconds"):
        query("SELECT count(*) FROM n a, n b, n c", many)
    assert time.monotonic() - start < 5


def test_a_function_that_would_take_long_does_not():
    """Nothing stops a function of SQLite's within one call, and its own way to trim took 13 seconds here."""
    doubled = "".join(
        f", s{n} AS MATERIALIZED (SELECT a || a AS a, b || b AS b FROM s{n - 1})" for n in range(1, 13)
    )
    long = f"WITH s0 AS (SELECT '{'a' * 16}' AS a, '{'b' * 16}' AS b){doubled}"
    start = time.monotonic()
    found = query(f"{long} SELECT length(a), length(ltrim(a, b || 'a')) FROM s12", TABLES)
    assert time.monotonic() - start < 5
    assert found.rows[0][0] == 65_536
    cut = query("SELECT trim('€ 5 €', '€ '), ltrim('xxa', 'x'), rtrim('a  '), trim(NULL, 'x')", TABLES)
    assert cut.rows == (("5", "a", "a", None),)


def test_what_the_loader_reads_can_be_queried(tmp_path):
    """A CSV file of several pages comes back whole from the pages that its own reader makes."""
    rows = "\n".join(f"Wine {n};{n * 1.5:.2f} €;{n % 7 or ''}" for n in range(1, 131))
    (tmp_path / "wines.csv").write_text(f"Wine;Price;Stock\n{rows}", encoding="utf-8")
    with closing(Loader(limits=Limits(file_bytes=10**6), ocr=Ocr(engine="off"), workers=1)) as loader:
        document = loader.load(tmp_path / "wines.csv", password=None)
    tables = tables_of("wines.csv", document.pages)
    assert described(tables) == "Tables: wines(wine TEXT, price REAL €, stock INTEGER), 130 rows"
    assert query("SELECT sum(price), count(stock) FROM wines", tables).rows == ((12772.5, 112),)
