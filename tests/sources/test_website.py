"""A site is read as its robots.txt allows, within its folder, and only what is new is sent again."""

from __future__ import annotations

import time

import pytest

from tests.fakes.web_servers import LocalServer, Site, WebReply, serving
from tests.sources.reading import counts, files_of, sources_of, synced

INDEX = '<title>Guide</title><p>Read <a href="boats.html#top">boats</a> or <a href="/private/">this</a>.'
BOATS = '<title>Boats</title><p>The ferry leaves at seven.<a href="deep/one.html">more</a>'


def site(**more: str | WebReply) -> Site:
    pages: dict[str, str | WebReply] = {
        "/robots.txt": "User-agent: *\nDisallow: /guide/secret\n",
        "/guide/": INDEX,
        "/guide/boats.html": BOATS,
        "/guide/deep/one.html": '<p>Level two. <a href="two.html">next</a>',
        "/guide/deep/two.html": "<p>Level three.",
        "/private/": "<p>Not below the guide.",
    }
    return Site(pages | {name: page for name, page in more.items()})


def toml(server: LocalServer, fields: str = "") -> str:
    return f'[guide]\nkind = "web"\nlibrary = "web"\nurl = "{server.url}/guide/"\npause = 0\n{fields}\n'


def test_pages_become_files(tmp_path):
    """Pages within the folder and the depth are written below the library, under their address."""
    with serving(site()) as server:
        sources = sources_of(tmp_path, toml(server))
        assert counts(synced(sources)) == (3, 0, 0, 0)
        assert sources.folder("guide") == tmp_path / "data" / "web" / "guide"
        assert list(files_of(sources, "guide")) == [
            "127.0.0.1/guide/boats.html",
            "127.0.0.1/guide/deep/one.html",
            "127.0.0.1/guide/index.html",
        ]
        assert "/private/" not in server.paths and "/guide/deep/two.html" not in server.paths


def test_only_what_is_new_is_sent_again(tmp_path):
    """An unchanged page is asked for by its ETag, a changed one replaces its file, and a gone one goes."""
    pages = site()
    with serving(pages) as server:
        sources = sources_of(tmp_path, toml(server))
        synced(sources)
        assert counts(synced(sources)) == (0, 0, 3, 0)
        pages.pages["/guide/boats.html"] = "<p>The ferry leaves at nine."  # and links to nothing any more
        assert counts(synced(sources)) == (0, 1, 1, 1)
    assert "nine" in files_of(sources, "guide")["127.0.0.1/guide/boats.html"]
    assert not (sources.folder("guide") / "127.0.0.1/guide/deep").exists()


def test_robots_are_respected(tmp_path):
    """What robots.txt or a page itself excludes is not read, or not kept."""
    pages = site()
    pages.pages["/guide/"] = '<a href="secret/x.html">x</a><a href="quiet.html">q</a><a href="end.html">e</a>'
    pages.pages["/guide/secret/x.html"] = "<p>secret"
    pages.pages["/guide/quiet.html"] = '<meta name="robots" content="noindex"><a href="boats.html">b</a>'
    pages.pages["/guide/end.html"] = '<meta name="robots" content="nofollow"><a href="deep/two.html">b</a>'
    with serving(pages) as server:
        sources = sources_of(tmp_path, toml(server))
        synced(sources)
        assert "/guide/secret/x.html" not in server.paths and "/guide/deep/two.html" not in server.paths
    names = {name.rpartition("/")[2] for name in files_of(sources, "guide")}
    assert names == {"index.html", "end.html", "boats.html"}


@pytest.mark.parametrize(
    ("robots", "said"),
    [
        pytest.param("User-agent: Docent\nDisallow: /\n", "does not allow", id="forbidden"),
        pytest.param(WebReply(503), "status 503", id="a server that fails may not be asked"),
    ],
)
def test_a_site_that_may_not_be_read(tmp_path, robots, said):
    """Nothing is read, the reason is said, and what was read before stays."""
    pages = site()
    with serving(pages) as server:
        sources = sources_of(tmp_path, toml(server))
        synced(sources)
        pages.pages["/robots.txt"] = robots
        server.asked.clear()
        report = synced(sources)
        assert said in report.stopped and server.paths == ["/robots.txt"]
    assert len(files_of(sources, "guide")) == 3


def test_a_page_that_fails_is_kept(tmp_path):
    """A server's error is reported; the page and those that it leads to stay."""
    pages = site()
    with serving(pages) as server:
        sources = sources_of(tmp_path, toml(server))
        synced(sources)
        pages.pages["/guide/boats.html"] = WebReply(500)
        report = synced(sources)
        assert report.failed and "status 500" in report.failed[0] and report.removed == 0
        pages.pages["/guide/boats.html"] = WebReply(404)
        assert synced(sources).removed == 2
    assert list(files_of(sources, "guide")) == ["127.0.0.1/guide/index.html"]


def test_a_server_that_is_gone_removes_nothing(tmp_path):
    """When nobody answers, the sync stops with the reason, and every document stays."""
    with serving(site()) as server:
        sources = sources_of(tmp_path, toml(server))
        synced(sources)
    assert "cannot be read" in synced(sources).stopped
    assert len(files_of(sources, "guide")) == 3


def test_bounds(tmp_path):
    """Pages beyond `most_items`, larger than a file may be, or in no format that is read, are not taken."""
    links = "".join(f'<a href="p{n}.html">{n}</a>' for n in range(50)) + '<a href="a.zip">z</a>'
    pages = site(**{"/guide/": links, "/guide/big.html": "<p>" + "x" * 200_000})
    pages.pages |= {f"/guide/p{n}.html": f"<p>{n}" for n in range(50)}
    pages.pages["/guide/a.zip"] = WebReply(body=b"PK", headers={"content-type": "application/zip"})
    with serving(pages) as server:
        report = synced(sources_of(tmp_path, toml(server, "most_items = 10")))
        assert report.added == 10 and "most_items = 10" in report.note
        pages.pages["/guide/"] = '<a href="big.html">b</a><a href="a.zip">z</a>'
        report = synced(sources_of(tmp_path / "other", toml(server)))
        assert report.added == 1 and "larger than 100,000 bytes" in report.failed[0]


def test_redirects_are_checked_like_links(tmp_path):
    """A redirect within the folder is followed; one to another host or folder is not."""
    pages = site()
    with serving(Site({"/x": "<p>elsewhere"})) as other, serving(pages) as server:
        pages.pages["/guide/"] = '<a href="old.html">o</a><a href="away.html">a</a><a href="up.html">u</a>'
        pages.pages["/guide/old.html"] = WebReply(301, headers={"location": "boats.html"})
        pages.pages["/guide/away.html"] = WebReply(302, headers={"location": f"{other.url}/x"})
        pages.pages["/guide/up.html"] = WebReply(302, headers={"location": "/private/"})
        sources = sources_of(tmp_path, toml(server, "depth = 1"))
        assert counts(synced(sources)) == (2, 0, 0, 0)
        assert other.asked == [] and "/private/" not in server.paths
    assert "127.0.0.1/guide/boats.html" in files_of(sources, "guide")


def test_a_pause_between_requests(tmp_path):
    """Pages are asked for no faster than the source or robots.txt says."""
    pages = site(**{"/robots.txt": "User-agent: *\nCrawl-delay: 1\n"})
    with serving(pages) as server:
        began = time.monotonic()
        synced(sources_of(tmp_path, toml(server, "depth = 1")))
        assert time.monotonic() - began >= 1.0


def test_a_deleted_file_comes_back(tmp_path):
    """A file that somebody removed from the folder is fetched again, whatever its ETag says."""
    with serving(site()) as server:
        sources = sources_of(tmp_path, toml(server))
        synced(sources)
        (sources.folder("guide") / "127.0.0.1/guide/boats.html").unlink()
        assert counts(synced(sources)) == (0, 1, 2, 0)


def test_files_of_others_are_left_alone(tmp_path):
    """A file in the folder that the source did not write is neither changed nor removed."""
    with serving(site()) as server:
        sources = sources_of(tmp_path, toml(server))
        mine = sources.folder("guide") / "mine.txt"
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
        synced(sources)
        synced(sources)
    assert mine.read_text() == "mine"
