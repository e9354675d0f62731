"""Web pages: what a reader sees of them, without scripts and the menus around the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from docent.loading.formats.section_pages import Block, clean_blocks, split_into_pages
from docent.loading.formats.table_rows import table_lines
from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.loading.text_cleaning import BYTE_ORDER_MARKS, decode_bytes

IGNORED = frozenset(
    "script style noscript template svg iframe object embed canvas audio video input button select textarea "
    "datalist head link meta map".split()
)
MENU_TAGS = frozenset({"nav", "footer"})
MENU_ROLES = frozenset({"navigation", "banner", "contentinfo", "search"})
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCK_TAGS = frozenset(
    "p div section article aside header footer main nav ul ol dl dt dd blockquote pre figure figcaption "
    "address details summary fieldset form legend hr table caption thead tbody tfoot tr td th body html "
    "center li".split()
)
TIGHT_TAGS = frozenset({"li", "dt", "dd"})
HIDES = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden"
    r"|font-size\s*:\s*(?:0(?:\.0+)?(?:em|rem|%)?|[01](?:\.\d+)?(?:px|pt))\s*(?:;|$|!)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$|!)|(?:text-indent|left|top)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
WHITE_TEXT = re.compile(
    r"(?:^|[;\s])color\s*:\s*(?:white\b|#fff\b|#ffffff\b|rgba?\(\s*255\s*,\s*255\s*,\s*255\b)", re.I
)
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
DOCTYPE_WITH_ENTITIES = re.compile(
    r"\A.{0,2000}?<!DOCTYPE[^>\[]{0,500}\[[^\]]{0,20000}\]\s*>", re.IGNORECASE | re.DOTALL
)
SELF_CLOSED = re.compile(r"<([A-Za-z][\w:]*)((?:\s[^<>]*?)?)/>")
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
CONDITIONAL_CSS = re.compile(r"@(?:media|supports|container)[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
CSS_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
SIMPLE_SELECTOR = re.compile(r"[\w.#\-\s>\[\]=\"']+")
CSS_CHARS = 200_000
DATES = ("article:published_time", "date", "dcterms.created", "dc.date", "citation_date")
MAX_CELL_CHARS = 500  # a table with longer cells lays out a page and holds no rows


@dataclass(frozen=True, slots=True)
class WebPage:
    """The text and the metadata of one HTML page."""

    blocks: list[Block]
    title: str = ""
    created: str = ""
    language: str = ""


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = decode_html(source.read_all())
    page = parse_html(text)
    return Contents(
        pages=split_into_pages(page.blocks, first=1),
        title=page.title,
        created=page.created,
        language=page.language,
        note=note,
    )


def decode_html(data: bytes) -> tuple[str, str]:
    """Decode a page by its byte-order mark, the encoding that it declares, or like any text."""
    charset = CHARSET.search(data[:4096])
    if charset and not any(data.startswith(mark) for mark, _ in BYTE_ORDER_MARKS):
        try:
            return data.decode(charset[1].decode("ascii")), ""
        except (LookupError, UnicodeDecodeError):
            pass  # the declared encoding is wrong
    return decode_bytes(data)


def parse_html(text: str) -> WebPage:
    """Return the visible text of a page, without menus and footers unless there is nothing else."""
    text, declared = DOCTYPE_WITH_ENTITIES.subn("", text.replace("\r\n", "\n"), count=1)
    if "<?xml" in text[:200] or declared:
        # XHTML may close any element at once; to an HTML parser an open <title/> swallows the page.
        text = SELF_CLOSED.sub(
            lambda tag: tag[0] if tag[1].lower() in VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>", text
        )
    tree = LexborHTMLParser(text)
    body = tree.body
    if body is None:
        return WebPage([])
    invisible = _invisible_elements(tree)
    main = tree.css_first("main, [role=main]")
    blocks = clean_blocks(_TreeWalk(invisible).blocks(main)) if main is not None else []
    if not any(block.text for block in blocks):
        blocks = clean_blocks(_TreeWalk(invisible).blocks(body))
    if not any(block.text for block in blocks):
        blocks = clean_blocks(_TreeWalk(invisible, with_menus=True).blocks(body))
    title = tree.css_first("title")
    root = tree.root
    language = (root.attributes.get("lang") or "") if root is not None else ""
    return WebPage(
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


def _invisible_elements(tree: LexborHTMLParser) -> frozenset[int]:
    """Return the ids of elements that the page's own style sheets hide."""
    elements: set[int] = set()
    for stylesheet in tree.css("style"):
        css = CONDITIONAL_CSS.sub(
            "", re.sub(r"/\*.*?\*/", "", stylesheet.text(deep=True)[:CSS_CHARS], flags=re.DOTALL)
        )
        for rule in CSS_RULE.finditer(css):
            if not HIDES.search(rule[2]):
                continue
            for selector in rule[1].split(","):
                if SIMPLE_SELECTOR.fullmatch(selector.strip()):
                    try:
                        elements.update(node.mem_id for node in tree.css(selector.strip()))
                    except (SelectolaxError, ValueError):
                        continue  # a selector that this parser does not support
    return frozenset(elements)


class _TreeWalk:
    """One pass over the tree, without recursion, since pages may nest to any depth."""

    def __init__(self, invisible: frozenset[int], *, with_menus: bool = False) -> None:
        self._invisible = invisible
        self._with_menus = with_menus
        self._text: list[str] = []
        self._hidden: list[str] = []
        self._blocks: list[Block] = []
        self._tables: list[list[list[str]] | None] = []
        """The rows of open tables; None for a table that only lays out the page."""
        self._level = self._pre = self._items = 0

    def blocks(self, root: LexborNode) -> Iterator[Block]:
        stack: list[tuple[LexborNode, bool]] = [(root, True)]
        while stack:
            node, entering = stack.pop()
            tag = node.tag or ""
            if not entering:
                self._close(tag)
            elif node.is_text_node:
                self._add_text(node.text_content or "")
            elif node.is_element_node and self._enter(node, tag):
                stack.append((node, False))
                stack.extend((child, True) for child in reversed(list(node.iter(include_text=True))))
            if self._blocks:
                yield from self._blocks
                self._blocks = []
        self._flush()
        yield from self._blocks

    def _add_text(self, text: str) -> None:
        self._text.append(text if self._pre else re.sub(r"\s+", " ", text))

    def _enter(self, node: LexborNode, tag: str) -> bool:
        """Open an element and return True, unless nothing in it is to be read."""
        if tag in IGNORED:
            return False
        attributes = node.attributes
        if not self._with_menus and (
            tag in MENU_TAGS or (attributes.get("role") or "").lower() in MENU_ROLES
        ):
            return False
        if _is_hidden(node, attributes) or node.mem_id in self._invisible:
            self._hidden.append(" ".join(node.text(deep=True, separator=" ").split()))
            return False
        if tag == "br":
            self._text.append("\n")
            return False
        if tag == "img":
            self._add_text(f" {attributes.get('alt') or ''} ")
            return False
        self._open(node, tag)
        return True

    def _open(self, node: LexborNode, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        if tag == "table":
            self._flush()
            self._tables.append(None if _is_layout_table(node, len(self._tables)) else [])
        elif table is not None and tag == "tr":
            table.append([])
        elif table is not None and tag in ("td", "th"):
            self._text = []
        elif table is not None and tag in BLOCK_TAGS:
            self._text.append(" ")
        elif tag in BLOCK_TAGS or tag in HEADINGS:
            self._flush()
        self._level = HEADINGS.get(tag, self._level)
        self._pre += tag == "pre"
        self._items += tag == "li"

    def _close(self, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        if tag == "table":
            self._tables.pop()
            self._flush()
            if table is not None:
                self._blocks += [Block(line, tight=True) for line in table_lines(table)]
        elif table is not None and tag in ("td", "th"):
            if not table:
                table.append([])
            table[-1].append("".join(self._text))
            self._text = []
        elif table is not None and tag == "caption":
            self._blocks.append(Block("".join(self._text)))
            self._text = []
        elif table is None and (tag in BLOCK_TAGS or tag in HEADINGS):
            self._flush(tag)
        if tag in HEADINGS:
            self._level = 0
        self._pre -= tag == "pre"
        self._items -= tag == "li"

    def _flush(self, tag: str = "") -> None:
        text = "".join(self._text)
        text = text if self._pre else "\n".join(" ".join(line.split()) for line in text.split("\n"))
        hidden = "\n".join(self._hidden)
        self._text, self._hidden = [], []
        if text.strip() or hidden:
            bullet = "• " if self._items and text.strip() and not self._level else ""
            self._blocks.append(
                Block(
                    bullet + text.strip("\n"),
                    level=self._level,
                    tight=bool(bullet) or tag in TIGHT_TAGS,
                    hidden=hidden,
                )
            )


def _is_hidden(node: LexborNode, attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes:
        return True
    style = attributes.get("style") or ""
    return bool(style) and (bool(HIDES.search(style)) or (bool(WHITE_TEXT.search(style)) and _on_white(node)))


def _on_white(node: LexborNode) -> bool:
    """Return whether no element around this one has a background colour."""
    parser = node.parser
    if parser.css_first("link[rel=stylesheet]") or any("background" in s.text() for s in parser.css("style")):
        return False
    ancestor: LexborNode | None = node
    while ancestor is not None:
        attributes = ancestor.attributes if ancestor.is_element_node else {}
        if "background" in (attributes.get("style") or "") or "bgcolor" in attributes:
            return False
        ancestor = ancestor.parent
    return True


def _is_layout_table(table: LexborNode, depth: int) -> bool:
    """Return whether the table lays out the page instead of holding rows of values."""
    if depth or table.css_first("td table, th table, td h1, td h2, td h3"):
        return True
    return any(len(cell.text(deep=True)) > MAX_CELL_CHARS for cell in table.css("td, th"))


def find_links(text: str, selector: str) -> list[tuple[str, str]]:
    """Return the target and the text of each link."""
    return [
        (node.attributes.get("href") or "", " ".join(node.text(deep=True).split()))
        for node in LexborHTMLParser(text).css(selector)
    ]
