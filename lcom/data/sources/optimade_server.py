"""An OPTIMADE interface on the net: one page after the other, with patience, and nothing but pages."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import requests

from lcom.data.sources.http import BUSY, DownloadError, Passing, Patience, Session

REDIRECTIONS = 5  # followed for a page
LARGEST = 200_000_000  # bytes of a page; a hundred entries of OQMD are half a million
SLOWEST = 10  # times the timeout: a body that drips in for longer is given up
REFUSALS = (400, 404, 413, 416, 422)  # what servers answer to an offset that is too large for them
GO_ON = "The pages so far are kept: the same command goes on after them"


class Broken(DownloadError):
    """The server breaks over a page, however often it is asked for it."""


class Refused(DownloadError):
    """The server does not want to give a page."""


@dataclass(frozen=True)
class Page:
    body: bytes
    data: list[dict]
    next: str | None
    meta: dict
    last_modified: str | None

    @property
    def data_sha256(self) -> str:
        """Digest of the entries alone: time stamps and counts beside them change with every request."""
        return hashlib.sha256(json.dumps(self.data, sort_keys=True).encode()).hexdigest()


class Server:
    """One host, asked politely: a request at a time, never sooner than it wishes."""

    def __init__(self, url: str, patience: Patience) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError(f"{url.split('?')[0]} is no address of an OPTIMADE interface: see `url` under `data:`")
        self.patience = patience
        self.session = Session()
        self.session.headers["Accept"] = "application/vnd.api+json, application/json"
        self.not_before = 0.0

    def page(self, url: str, attempts: int | None = None) -> Page:
        """Raises `Broken`, `Refused` or another `DownloadError`."""
        patience = replace(self.patience, attempts=attempts or self.patience.attempts)
        answers: list[int] = []  # 0: none

        def attempt() -> Page:
            time.sleep(max(0.0, self.not_before - time.monotonic()))
            self.not_before = time.monotonic() + self.patience.interval
            try:
                return self._ask(url)
            except Passing as fault:
                answers.append(fault.status)
                raise

        try:
            page = patience.persist(attempt, url, wait=self._wait)
        except Passing as fault:
            kind = Broken if all(status >= 500 for status in answers) else DownloadError
            raise kind(f"{url}: no page in {len(answers)} tries, last: {fault}. {GO_ON}") from fault
        delay = page.meta.get("request_delay")  # seconds that the specification lets a server ask for
        self._wait(delay if isinstance(delay, (int, float)) else 0.0)
        return page

    def _wait(self, seconds: float) -> None:
        self.not_before = max(self.not_before, time.monotonic() + min(seconds, self.patience.longest_wait))

    def _ask(self, url: str) -> Page:
        try:
            answer = self._get(url)
            with answer:
                body = self._body(url, answer)
        except requests.RequestException as error:
            raise Passing(f"{type(error).__name__}: {error}") from error
        if answer.status_code == 200:
            return _parsed(url, body, answer.headers.get("Last-Modified"))
        said = f"the server answers {answer.status_code} ({_detail(answer, body)})"
        if answer.status_code in BUSY:
            raise Passing(said, answer)
        kind = Refused if answer.status_code in REFUSALS else DownloadError
        raise kind(f"{url}: {said}: see `url` and `filter` under `data:`. {GO_ON}")

    def _get(self, url: str) -> requests.Response:
        """The answer, after redirections on the same host."""
        for _ in range(REDIRECTIONS):
            answer = self.session.get(url, timeout=self.patience.timeout, allow_redirects=False, stream=True)
            if not answer.is_redirect:
                break
            url = on_host(url, answer.headers["Location"])
        return answer

    def _body(self, url: str, answer: requests.Response) -> bytes:
        parts, size, deadline = [], 0, time.monotonic() + SLOWEST * self.patience.timeout
        for part in answer.iter_content(1 << 16):
            size += len(part)
            if size > LARGEST:
                raise DownloadError(
                    f"{url}: more than {LARGEST // 10**6} MB for one page: this is no OPTIMADE interface"
                )
            if time.monotonic() > deadline:
                raise Passing(f"the page was not there after {SLOWEST * self.patience.timeout:.0f} s")
            parts.append(part)
        return b"".join(parts)


def _parsed(url: str, body: bytes, last_modified: str | None) -> Page:
    """The least that the specification asks of a page. What lacks it comes from a server in trouble, so it is asked again."""
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Passing(f"no valid JSON ({error})") from error
    page = page if isinstance(page, dict) else {}
    data, meta, links = page.get("data"), page.get("meta"), page.get("links") or {}
    if not isinstance(data, list) or not all(
        isinstance(row, dict) and isinstance(row.get("id"), str | int) for row in data
    ):
        raise Passing("no OPTIMADE page: no `data` with a list of entries that have an id")
    if not isinstance(meta, dict) or not isinstance(links, dict):
        raise Passing("no OPTIMADE page: no `meta`, or `links` that are no object")
    link = links.get("next")
    link = link.get("href") if isinstance(link, dict) else link
    return Page(body, data, on_host(url, str(link)) if link else None, meta, last_modified)


def on_host(url: str, link: str) -> str:
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


def _detail(answer: requests.Response, body: bytes) -> str:
    """What the server says of an error, the way of JSON:API or else HTTP's words."""
    try:
        return "; ".join(str(one.get("detail") or one.get("title")) for one in json.loads(body)["errors"])[:300]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return answer.reason


# ---- pages by offset


def place(url: str) -> tuple[int, int] | None:
    """(offset, limit) of a page; None if the server counts its pages in another way."""
    query = dict(parse_qsl(urlsplit(url).query))
    others = {key for key in query if key.startswith("page_")} - {"page_offset", "page_limit"}
    try:
        return None if others else (int(query.get("page_offset", 0)), int(query["page_limit"]))
    except (KeyError, ValueError):
        return None


def at(url: str, offset: int, limit: int) -> str:
    """The page of the same query with this offset and limit."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {"page_offset": str(offset), "page_limit": str(limit)}
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()
