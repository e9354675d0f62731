"""Web pages: what a reader sees of them, without scripts and the menus around the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from docent.loading.formats.section_pages import Block, pages, tidy
from docent.loading.formats.table_rows import as_lines
from docent.loading.input_file import MARKS, Source, decode_bytes
from docent.loading.job import Contents, Job, Watch

IGNORED = frozenset(
    "script style noscript template svg iframe object embed canvas audio video input button select textarea "
    "datalist head link meta map".split()
)
AROUND = frozenset({"nav", "footer"})
AROUND_ROLES = frozenset({"navigation", "banner", "contentinfo", "search"})
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BREAKS = frozenset(
    "p div section article aside header footer main nav ul ol dl dt dd blockquote pre figure figcaption "
    "address details summary fieldset form legend hr table caption thead tbody tfoot tr td th body html "
    "center li".split()
)
TIGHT = frozenset({"li", "dt", "dd"})
HIDES = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden"
    r"|font-size\s*:\s*(?:0(?:\.0+)?(?:em|rem|%)?|[01](?:\.\d+)?(?:px|pt))\s*(?:;|$|!)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$|!)|(?:text-indent|left|top)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
WHITE = re.compile(
    r"(?:^|[;\s])color\s*:\s*(?:white\b|#fff\b|#ffffff\b|rgba?\(\s*255\s*,\s*255\s*,\s*255\b)", re.I
)
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
DECLARED = re.compile(r"\A.{0,2000}?<!DOCTYPE[^>\[]{0,500}\[[^\]]{0,20000}\]\s*>", re.IGNORECASE | re.DOTALL)
CLOSED = re.compile(r"<([A-Za-z][\w:]*)((?:\s[^<>]*?)?)/>")
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
CONDITIONAL = re.compile(r"@(?:media|supports|container)[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
SIMPLE = re.compile(r"[\w.#\-\s>\[\]=\"']+")
CSS_CHARS = 200_000
DATES = ("article:published_time", "date", "dcterms.created", "dc.date", "citation_date")
LAYOUT_CELL = 500  # characters; a table with longer cells lays out a page and holds no rows


@dataclass(frozen=True, slots=True)
class Web:
    """What one page of HTML says."""

    blocks: list[Block]
    title: str = ""
    created: str = ""
    language: str = ""


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    text, note = decode_html(source.whole())
    web = parse(text)
    return Contents(
        pages=pages(web.blocks, first=1),
        title=web.title,
        created=web.created,
        language=web.language,
        note=note,
    )


def decode_html(data: bytes) -> tuple[str, str]:
    """The page's text, by its mark or its own word for its alphabet."""
    said = CHARSET.search(data[:4096])
    if said and not any(data.startswith(mark) for mark, _ in MARKS):
        try:
            return data.decode(said[1].decode("ascii")), ""
        except (LookupError, UnicodeDecodeError):
            pass  # it says what it is not: found out as for any text
    return decode_bytes(data)


def parse(text: str) -> Web:
    text, declared = DECLARED.subn("", text.replace("\r\n", "\n"), count=1)
    if "<?xml" in text[:200] or declared:
        # XHTML may close any element at once; to a parser of HTML <title/> swallows the page.
        text = CLOSED.sub(
            lambda tag: tag[0] if tag[1].lower() in VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>", text
        )
    tree = LexborHTMLParser(text)
    body = tree.body
    if body is None:
        return Web([])
    unseen = _styled_away(tree)
    main = tree.css_first("main, [role=main]")
    blocks = tidy(_Walk(unseen).blocks(main)) if main is not None else []
    if not any(block.text for block in blocks):
        blocks = tidy(_Walk(unseen).blocks(body))
    if not any(block.text for block in blocks):
        blocks = tidy(_Walk(unseen, around=True).blocks(body))
    title = tree.css_first("title")
    root = tree.root
    language = (root.attributes.get("lang") or "") if root is not None else ""
    return Web(
        blocks,
        " ".join(title.text(deep=True).split()) if title is not None else "",
        _created(tree),
        language[:2].lower(),
    )


def _created(tree: LexborHTMLParser) -> str:
    for meta in tree.css("meta[content]"):
        name = (meta.attributes.get("name") or meta.attributes.get("property") or "").lower()
        date = re.match(r"\d{4}-\d{2}-\d{2}", meta.attributes.get("content") or "")
        if name in DATES and date:
            return date[0]
    return ""


def _styled_away(tree: LexborHTMLParser) -> frozenset[int]:
    """Elements that the page's own style sheets do not show."""
    found: set[int] = set()
    for sheet in tree.css("style"):
        css = CONDITIONAL.sub(
            "", re.sub(r"/\*.*?\*/", "", sheet.text(deep=True)[:CSS_CHARS], flags=re.DOTALL)
        )
        for rule in RULE.finditer(css):
            if not HIDES.search(rule[2]):
                continue
            for selector in rule[1].split(","):
                if SIMPLE.fullmatch(selector.strip()):
                    try:
                        found.update(node.mem_id for node in tree.css(selector.strip()))
                    except (SelectolaxError, ValueError):
                        continue  # a selector that this engine does not know hides nothing
    return frozenset(found)


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)


class _Walk:
    """One pass over the tree, without recursion: pages nest as deep as they like."""

    def __init__(self, unseen: frozenset[int], *, around: bool = False) -> None:
        self._unseen = unseen
        self._around = around
        self._said: list[str] = []
        self._hidden: list[str] = []
        self._done: list[Block] = []
        self._tables: list[_Table | None] = []
        """Tables that are open; None for one that only lays out the page."""
        self._level = self._pre = self._items = 0

    def blocks(self, root: LexborNode) -> Iterator[Block]:
        stack: list[tuple[LexborNode, bool]] = [(root, True)]
        while stack:
            node, entering = stack.pop()
            tag = node.tag or ""
            if not entering:
                self._leave(tag)
            elif node.is_text_node:
                self._say(node.text_content or "")
            elif node.is_element_node and self._enters(node, tag):
                stack.append((node, False))
                stack.extend((child, True) for child in reversed(list(node.iter(include_text=True))))
            if self._done:
                yield from self._done
                self._done = []
        self._flush()
        yield from self._done

    def _say(self, text: str) -> None:
        self._said.append(text if self._pre else re.sub(r"\s+", " ", text))

    def _enters(self, node: LexborNode, tag: str) -> bool:
        """Open an element, unless nothing of it is to be read."""
        if tag in IGNORED:
            return False
        attributes = node.attributes
        if not self._around and (tag in AROUND or (attributes.get("role") or "").lower() in AROUND_ROLES):
            return False
        if _hides(node, attributes) or node.mem_id in self._unseen:
            self._hidden.append(" ".join(node.text(deep=True, separator=" ").split()))
            return False
        if tag == "br":
            self._said.append("\n")
            return False
        if tag == "img":
            self._say(f" {attributes.get('alt') or ''} ")
            return False
        self._open(node, tag)
        return True

    def _open(self, node: LexborNode, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        if tag == "table":
            self._flush()
            self._tables.append(None if _lays_out(node, len(self._tables)) else _Table())
        elif table is not None and tag == "tr":
            table.rows.append([])
        elif table is not None and tag in ("td", "th"):
            self._said = []
        elif table is not None and tag in BREAKS:
            self._said.append(" ")
        elif tag in BREAKS or tag in HEADINGS:
            self._flush()
        self._level = HEADINGS.get(tag, self._level)
        self._pre += tag == "pre"
        self._items += tag == "li"

    def _leave(self, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        if tag == "table":
            self._tables.pop()
            self._flush()
            if table is not None:
                self._done += [Block(line, tight=True) for line in as_lines(table.rows)]
        elif table is not None and tag in ("td", "th"):
            if not table.rows:
                table.rows.append([])
            table.rows[-1].append("".join(self._said))
            self._said = []
        elif table is not None and tag == "caption":
            self._done.append(Block("".join(self._said)))
            self._said = []
        elif table is None and (tag in BREAKS or tag in HEADINGS):
            self._flush(tag)
        if tag in HEADINGS:
            self._level = 0
        self._pre -= tag == "pre"
        self._items -= tag == "li"

    def _flush(self, tag: str = "") -> None:
        text = "".join(self._said)
        text = text if self._pre else "\n".join(" ".join(line.split()) for line in text.split("\n"))
        hidden = "\n".join(self._hidden)
        self._said, self._hidden = [], []
        if text.strip() or hidden:
            mark = "• " if self._items and text.strip() and not self._level else ""
            self._done.append(
                Block(
                    mark + text.strip("\n"),
                    level=self._level,
                    tight=bool(mark) or tag in TIGHT,
                    hidden=hidden,
                )
            )


def _hides(node: LexborNode, attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes:
        return True
    style = attributes.get("style") or ""
    return bool(style) and (bool(HIDES.search(style)) or (bool(WHITE.search(style)) and _on_white(node)))


def _on_white(node: LexborNode) -> bool:
    """Does nothing around the element give it a colour behind?"""
    parser = node.parser
    if parser.css_first("link[rel=stylesheet]") or any("background" in s.text() for s in parser.css("style")):
        return False
    above: LexborNode | None = node
    while above is not None:
        attributes = above.attributes if above.is_element_node else {}
        if "background" in (attributes.get("style") or "") or "bgcolor" in attributes:
            return False
        above = above.parent
    return True


def _lays_out(table: LexborNode, depth: int) -> bool:
    """Does the table arrange a page rather than rows of values?"""
    if depth or table.css_first("td table, th table, td h1, td h2, td h3"):
        return True
    return any(len(cell.text(deep=True)) > LAYOUT_CELL for cell in _cells(table))


def _cells(table: LexborNode) -> Iterable[LexborNode]:
    return table.css("td, th")


def links_of(text: str, selector: str) -> list[tuple[str, str]]:
    """Where links lead, and what they are called."""
    return [
        (node.attributes.get("href") or "", " ".join(node.text(deep=True).split()))
        for node in LexborHTMLParser(text).css(selector)
    ]
