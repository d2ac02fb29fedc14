"""Structures from an OPTIMADE interface (optimade.org), page by page; a download that was killed goes on after its last page.

folder/query.json                 what was asked for last, and the folder of its pages
folder/<digest>/000001.json.gz    the pages as they came; the digest is of endpoint, filter, fields and order
folder/<digest>/manifest.jsonl    a line a page: where it is from, digests of its body and of its data, the link to the next
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode, urljoin, urlsplit

import requests

from lcom.base.files import whole, write_json, write_text
from lcom.data.sources.http import AGENT, BUSY, DownloadError, retry_after

FIELDS = (
    *("id", "lattice_vectors", "cartesian_site_positions", "species", "species_at_sites", "structure_features"),
    *("chemical_formula_reduced", "_oqmd_entry_id", "_oqmd_calculation_id", "_oqmd_delta_e", "_oqmd_stability"),
)
REDIRECTIONS = 5  # followed for a page
GO_ON = "The pages so far are kept: the same command goes on after them"
log = logging.getLogger("lcom")


class _Passing(Exception):
    """What may be over in a moment. wait: seconds that the server asks for, 0 if it asks for none."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Manners:
    """How a server is treated. interval: least seconds between requests · timeout: seconds without an answer · tries: of a
    page · backoff: seconds after the first failure, doubled after each · longest_wait: seconds, then the download gives up"""

    interval: float = 1.0
    timeout: float = 120.0
    tries: int = 8
    backoff: float = 2.0
    longest_wait: float = 600.0


@dataclass(frozen=True)
class _Page:
    body: bytes
    data: list[dict]
    next: str | None
    meta: dict
    last_modified: str | None

    @property
    def data_sha256(self) -> str:
        """Digest of the entries alone: time stamps and counts beside them change with every request."""
        return hashlib.sha256(json.dumps(self.data, sort_keys=True).encode()).hexdigest()


def fetch_pages(
    endpoint: str,
    filter: str,
    folder: Path,
    fields: Sequence[str] = FIELDS,
    sort: str = "id",
    page_limit: int = 100,
    manners: Manners = Manners(),
) -> int:
    """Fetch all structures that match the filter; how many different entries the pages hold.

    endpoint: base URL with the version, https://oqmd.org/optimade/v1. sort: servers that page by offset lose and repeat
    entries without an order; "" for a server that has none. Raises `DownloadError`; whole pages stay for the next time.
    """
    endpoint = endpoint.rstrip("/").removesuffix("/structures")
    query = {"endpoint": endpoint, "filter": filter, "fields": list(fields), "sort": sort}
    home = folder / hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    write_json(folder / "query.json", {**query, "folder": home.name})
    asked = {"filter": filter, "response_fields": ",".join(fields), "page_limit": str(page_limit), "sort": sort}
    first = f"{endpoint}/structures?{urlencode({k: v for k, v in asked.items() if v}, quote_via=quote)}"
    server = _Server(first, manners)

    lines = _still_valid(home, _manifest(home), server)
    urls, contents = {line["url"] for line in lines}, {line["data_sha256"] for line in lines}
    url = lines[-1]["next"] if lines else first
    while url:
        page = None if url in urls else server.page(url)
        if page is None or (page.next and (not page.data or page.data_sha256 in contents)):
            raise DownloadError(
                f"{url}: the server goes in circles, its page after the {len(lines)} kept ones is empty or one of them. "
                f"Narrow the filter, or take a bulk file"
            )
        urls.add(url)
        contents.add(page.data_sha256)
        lines.append(_keep(home, len(lines) + 1, url, page))
        with (home / "manifest.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(lines[-1]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        log.info("page %d: %d entries of %s", len(lines), lines[-1]["entries"], lines[-1]["data_returned"])
        url = page.next
    count, expected = len({row["id"] for _, data in read_kept(folder) for row in data}), lines[-1]["data_returned"]
    if not count:
        raise DownloadError(f"{endpoint}: no structure matches the filter {filter!r}: change `filter` under `data:`")
    if isinstance(expected, int) and count < expected:
        raise DownloadError(
            f"{endpoint}: {expected} structures match {filter!r}, and its pages hold {count} different ones: the data changed meanwhile or "
            f"the server loses entries between pages. Delete {home} to fetch them anew, or take a bulk file"
        )
    return count


def read_kept(folder: Path) -> Iterator[tuple[Path, list[dict]]]:
    """The pages that `fetch_pages` kept in this folder for its last query, each with its file. A download that is not
    complete, or a page that is damaged, is a ValueError; no download at all a FileNotFoundError."""
    query = folder / "query.json"
    if not query.exists():
        raise FileNotFoundError(f"{query} does not exist: no OPTIMADE pages were downloaded into {folder}")
    home = folder / json.loads(query.read_text(encoding="utf-8"))["folder"]
    lines = _manifest(home)
    if not lines or lines[-1]["next"]:
        raise ValueError(
            f"{home}: the download stopped after page {len(lines)}. Delete complete.json beside {folder} and run again: it "
            f"goes on from there"
        )
    for line in lines:
        body = _body(home, line)
        if body is None:
            raise ValueError(
                f"{_file(home, line['page'])} is damaged. Delete complete.json beside {folder} and run again: only that page is fetched"
            )
        yield _file(home, line["page"]), json.loads(body)["data"]


# ---- the server


class _Server:
    """One host, asked politely: a request at a time, never sooner than it wishes."""

    def __init__(self, url: str, manners: Manners) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError(f"{url.split('?')[0]} is no address of an OPTIMADE interface: see `url` under `data:`")
        self.manners = manners
        self.session = requests.Session()
        self.session.headers.update({**AGENT, "Accept": "application/vnd.api+json, application/json"})
        self.not_before = 0.0

    def page(self, url: str) -> _Page:
        failure = None
        for attempt in range(self.manners.tries):
            time.sleep(max(0.0, self.not_before - time.monotonic()))
            self.not_before = time.monotonic() + self.manners.interval
            try:
                page = self._ask(url)
            except _Passing as passing:
                failure = passing
                log.warning("%s: %s", url, passing)
                if passing.wait > self.manners.longest_wait:
                    raise DownloadError(f"{url}: {passing}, to wait {passing.wait:.0f} s. {GO_ON}") from passing
                self._wait(max(passing.wait, self.manners.backoff * 2**attempt))
                continue
            delay = page.meta.get("request_delay")  # seconds that the specification lets a server ask for
            self._wait(delay if isinstance(delay, (int, float)) else 0.0)
            return page
        raise DownloadError(f"{url}: no page in {self.manners.tries} tries, last: {failure}. {GO_ON}") from failure

    def _wait(self, seconds: float) -> None:
        self.not_before = max(self.not_before, time.monotonic() + min(seconds, self.manners.longest_wait))

    def _ask(self, url: str) -> _Page:
        try:
            answer = self._get(url)
        except requests.RequestException as error:
            raise _Passing(f"{type(error).__name__}: {error}") from error
        if answer.status_code != 200:
            said = f"the server answers {answer.status_code} ({_detail(answer)})"
            if answer.status_code in BUSY:
                raise _Passing(said, retry_after(answer))
            raise DownloadError(f"{url}: {said}: see `url` and `filter` under `data:`. {GO_ON}")
        return _parsed(url, answer.content, answer.headers.get("Last-Modified"))

    def _get(self, url: str) -> requests.Response:
        """The answer, after redirections on the same host."""
        for _ in range(REDIRECTIONS):
            answer = self.session.get(url, timeout=self.manners.timeout, allow_redirects=False)
            if not answer.is_redirect:
                break
            url = _on_host(url, answer.headers["Location"])
        return answer


def _parsed(url: str, body: bytes, last_modified: str | None) -> _Page:
    """The least that the specification asks of a page. What lacks it comes from a server in trouble, so it is asked again."""
    try:
        page = json.loads(body)
    except ValueError as error:
        raise _Passing(f"no valid JSON ({error})") from error
    page = page if isinstance(page, dict) else {}
    data, meta, links = page.get("data"), page.get("meta"), page.get("links") or {}
    if not isinstance(data, list) or not all(isinstance(row, dict) and "id" in row for row in data):
        raise _Passing("no OPTIMADE page: no `data` with a list of entries that have an id")
    if not isinstance(meta, dict) or not isinstance(links, dict):
        raise _Passing("no OPTIMADE page: no `meta`, or `links` that are no object")
    link = links.get("next")
    link = link.get("href") if isinstance(link, dict) else link
    return _Page(body, data, _on_host(url, str(link)) if link else None, meta, last_modified)


def _on_host(url: str, link: str) -> str:
    """A link of the page `url`, absolute. One that leaves the host is an error; https stays https, as servers behind a
    proxy write http into their links."""
    here, there = urlsplit(url), urlsplit(urljoin(url, link))
    if there.scheme not in ("http", "https") or (there.hostname, there.port) != (here.hostname, here.port):
        raise DownloadError(
            f"{url}: the server sends us on to {link!r}, another host. If you trust that, make it `url` under `data:`"
        )
    return there._replace(
        scheme="https" if "https" in (here.scheme, there.scheme) else "http", netloc=here.netloc
    ).geturl()


def _detail(answer: requests.Response) -> str:
    """What the server says of an error, the way of JSON:API or else HTTP's words."""
    try:
        return "; ".join(str(one.get("detail") or one.get("title")) for one in answer.json()["errors"])[:300]
    except (ValueError, LookupError, TypeError, AttributeError):
        return answer.reason


# ---- the folder


def _file(home: Path, number: int) -> Path:
    return home / f"{number:06d}.json.gz"


def _keep(home: Path, number: int, url: str, page: _Page) -> dict:
    """Write a page; its line of the manifest."""
    with whole(_file(home, number)) as temporary:
        temporary.write_bytes(gzip.compress(page.body, compresslevel=6, mtime=0))
    digests = {"sha256": hashlib.sha256(page.body).hexdigest(), "data_sha256": page.data_sha256}
    said = {key: page.meta.get(key) for key in ("data_returned", "data_available")}
    line = {"page": number, "url": url, "next": page.next, "entries": len(page.data), **digests, **said}
    return {**line, "last_modified": page.last_modified}


def _manifest(home: Path) -> list[dict]:
    """The lines of the manifest up to the first torn one."""
    path = home / "manifest.jsonl"
    lines: list[dict] = []
    for text in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            line = json.loads(text)
            if line["page"] != len(lines) + 1 or not {"url", "next", "entries", "sha256", "data_sha256"} <= set(line):
                break
        except (ValueError, TypeError, KeyError):
            break
        lines.append({"data_returned": None, **line})
    return lines


def _body(home: Path, line: dict) -> bytes | None:
    """A kept page; None if it is torn, changed or missing."""
    try:
        body = gzip.decompress(_file(home, line["page"]).read_bytes())
    except (OSError, EOFError, zlib.error):
        return None
    return body if hashlib.sha256(body).hexdigest() == line["sha256"] else None


def _still_valid(home: Path, lines: list[dict], server: _Server) -> list[dict]:
    """The lines if the pages can be built upon, none if the data changed. Damaged pages and the last one are asked for again."""
    for k, line in enumerate(lines):
        damaged = _body(home, line) is None
        if not damaged and k < len(lines) - 1:
            continue
        page = server.page(line["url"])
        if page.data_sha256 != line["data_sha256"]:
            log.warning("%s: page %d is not what it was: all pages are fetched anew", line["url"], line["page"])
            lines = []
            break
        log.info("page %d was %s", line["page"], "damaged: fetched again" if damaged else "the last one: unchanged")
        lines[k] = _keep(home, line["page"], line["url"], page)
    if not lines:
        shutil.rmtree(home)
        home.mkdir()
    write_text(home / "manifest.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return lines
