"""Structures from an OPTIMADE interface (optimade.org), page by page; a download that was killed goes on after its last page.

folder/query.json                 what was asked for last
folder/<digest>/000001.json.gz    the pages as they came; the digest is of endpoint, filter, fields and order
folder/<digest>/manifest.jsonl    a line a page: where it is from, digests of its body and of its data, the link to the next
folder/<digest>/split.json        the filters that are asked in place of this one, each with a folder of its own

Where the server breaks over a page for ever, less and less is asked for at once, down to the entry that it cannot give: that
one is skipped, and counted. Where it refuses pages beyond some offset, the filter is split by energy.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np

from lcom.base.files import write_json
from lcom.data.sources.http import DownloadError, Patience
from lcom.data.sources.optimade_folder import SKIPPED, Folder
from lcom.data.sources.optimade_server import Broken, Refused, Server, at, place

FIELDS = (
    *("id", "lattice_vectors", "cartesian_site_positions", "species", "species_at_sites", "structure_features"),
    *("chemical_formula_reduced", "_oqmd_entry_id", "_oqmd_calculation_id", "_oqmd_delta_e", "_oqmd_stability"),
)
PATIENCE = Patience(attempts=8, backoff=2.0, longest_wait=600.0, timeout=120.0, interval=1.0)
SPLIT_BY = "_oqmd_delta_e"  # a number that every entry of use has
SMALLER_ATTEMPTS = 2  # at a part of a page that broke in all attempts
MOST_SKIPPED = 5  # entries one after the other: more is a server that is down
MOST_PARTS = 500  # of a filter
log = logging.getLogger("lcom")


def fetch_pages(
    endpoint: str,
    filter: str,
    folder: Path,
    fields: Sequence[str] = FIELDS,
    sort: str = "id",
    page_limit: int = 100,
    patience: Patience = PATIENCE,
) -> int:
    """Fetch all structures that match the filter; how many different entries the pages hold.

    endpoint: base URL with the version, https://oqmd.org/optimade/v1. sort: servers that page by offset lose and repeat
    entries without an order; "" for a server that has none. Raises `DownloadError`; whole pages stay for the next time.
    """
    endpoint = endpoint.rstrip("/").removesuffix("/structures")
    query = {"endpoint": endpoint, "filter": filter, "fields": list(fields), "sort": sort}
    server = Server(endpoint, patience)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "query.json", query)
    found = _fetch(server, query, folder, page_limit)
    if not found:
        raise DownloadError(f"{endpoint}: no structure matches the filter {filter!r}: change `filter` under `data:`")
    return len(found)


def read_kept(folder: Path) -> Iterator[tuple[Path, list[dict]]]:
    """The pages that `fetch_pages` kept in this folder for its last query, each with its file; an entry with the key
    SKIPPED stands for one that the server could not give. A download that is not complete, or a page that is damaged, is a
    ValueError; no download at all a FileNotFoundError."""
    query = folder / "query.json"
    if not query.exists():
        raise FileNotFoundError(f"{query} does not exist: no OPTIMADE pages were downloaded into {folder}")
    yield from _read(json.loads(query.read_text(encoding="utf-8")), folder)


def _home(query: dict, folder: Path) -> Folder:
    asked = {key: query[key] for key in ("endpoint", "filter", "fields", "sort")}
    return Folder(folder / hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16])


def _read(query: dict, folder: Path) -> Iterator[tuple[Path, list[dict]]]:
    home = _home(query, folder)
    if parts := home.parts():
        for part in parts:
            yield from _read({**query, "filter": part}, folder)
        return
    lines = home.lines()
    if not lines or lines[-1]["next"]:
        again = _again(home)
        raise ValueError(f"{home.path}: the download stopped after page {len(lines)}. {again}: it goes on from there")
    for line in lines:
        yield home.file(line["page"]), _data(home, line)


def _data(home: Folder, line: dict) -> list[dict]:
    """The entries of a kept page."""
    if (body := home.body(line)) is None:
        raise ValueError(f"{home.file(line['page'])} is damaged. {_again(home)}: only that page is fetched")
    return json.loads(body)["data"]


def _again(home: Folder) -> str:
    return f"Delete complete.json beside {home.path.parent} and run again"


# ---- one filter


class _TooFar(DownloadError):
    """The server refuses pages beyond some offset."""


def _fetch(server: Server, query: dict, folder: Path, page_limit: int) -> set:
    """The ids of the entries that match; in parts, if the server refuses what is far from the beginning."""
    home = _home(query, folder)
    if not home.parts():
        home.path.mkdir(parents=True, exist_ok=True)
        try:
            return _Download(server, query, home, page_limit).run()
        except _TooFar as refusal:
            _split(home, query["filter"], refusal)
    return set().union(*(_fetch(server, {**query, "filter": part}, folder, page_limit) for part in home.parts()))


def _split(home: Folder, filter: str, refusal: _TooFar) -> None:
    """Ask for ranges of energy instead, each with fewer entries than came before the refusal."""
    lines = home.lines()
    rows = [row for line in lines for row in json.loads(home.body(line) or b'{"data": []}')["data"]]
    energies = [(row.get("attributes") or {}).get(SPLIT_BY) for row in rows]
    energies = np.array([energy for energy in energies if isinstance(energy, (int, float))])
    returned = lines[-1]["data_returned"]
    parts = min(math.ceil(returned / (0.8 * len(rows))), MOST_PARTS) if isinstance(returned, int) else 2
    cuts = (
        np.unique(np.quantile(energies, np.arange(1, max(parts, 2)) / max(parts, 2)).round(6)) if len(energies) else []
    )
    cuts = [float(cut) for cut in cuts if energies.min() < cut]
    if not cuts:
        raise DownloadError(f"{refusal}. Split the filter yourself, such as by `AND nsites<=4` and `AND nsites>4`")
    bounds = [None, *cuts, None]
    filters = []
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        terms = [f"{SPLIT_BY}>={low}"] * (low is not None) + [f"{SPLIT_BY}<{high}"] * (high is not None)
        filters.append(" AND ".join([f"({filter})", *terms]))
    log.warning("%s: the filter is split into %d, by %s, and asked for anew", refusal, len(filters), SPLIT_BY)
    write_json(home.split, {"filters": filters, "because": str(refusal), "data_returned": returned})
    for line in lines:
        home.file(line["page"]).unlink(missing_ok=True)
    home.manifest.unlink()


class _Download:
    """The pages of one filter: those that are kept, and the way on."""

    def __init__(self, server: Server, query: dict, home: Folder, page_limit: int) -> None:
        self.server, self.query, self.home, self.page_limit = server, query, home, page_limit
        self.lines = _still_valid(home, server)
        self.urls = {line["url"] for line in self.lines}
        self.contents = {line["data_sha256"] for line in self.lines}
        self.given_up: list[tuple[str, str | None, str, str]] = []  # entries in a row: where, what follows, name, why

    def run(self) -> set:
        url = self.lines[-1]["next"] if self.lines else self._first()
        while url:
            url = self._step(url)
        return self._checked()

    def _first(self) -> str:
        asked = {"filter": self.query["filter"], "response_fields": ",".join(self.query["fields"])}
        asked |= {"page_limit": str(self.page_limit), "sort": self.query["sort"]}
        known = {key: value for key, value in asked.items() if value}
        return f"{self.query['endpoint']}/structures?{urlencode(known, quote_via=quote)}"

    @property
    def expected(self) -> int | None:
        """How many entries match, if the server says so; some have that number and the one of all entries swapped."""
        for line in reversed(self.lines):
            if isinstance(line["data_returned"], int):
                said = (line["data_returned"], line["data_available"])
                return min(number for number in said if isinstance(number, int))
        return None

    def _step(self, url: str) -> str | None:
        """Fetch a page, and what comes next."""
        where = place(url)
        small = where is not None and where[1] < self.page_limit
        try:
            page = None if url in self.urls else self.server.page(url, SMALLER_ATTEMPTS if small else None)
        except Broken as fault:
            return self._around(url, fault)
        except Refused as refusal:
            if where and where[0] and self.lines:
                raise _TooFar(str(refusal)) from refusal
            raise
        if page is None or (page.next and (not page.data or page.data_sha256 in self.contents)):
            raise DownloadError(
                f"{url}: the server goes in circles, its page after the {len(self.lines)} kept ones is empty or one of them. "
                f"Narrow the filter, or take a bulk file"
            )
        self._skip()
        if small and page.next and (following := place(page.next)):  # back to larger pages
            page = replace(page, next=at(page.next, following[0], min(2 * where[1], self.page_limit)))
        self._add(url, self.home.keep(len(self.lines) + 1, url, page))
        self.contents.add(page.data_sha256)
        log.info("page %d: %d entries of %s", len(self.lines), len(page.data), self.expected)
        return page.next

    def _around(self, url: str, fault: Broken) -> str | None:
        """Half of a page over which the server breaks; if that is one entry, the one after it."""
        if (where := place(url)) is None or len(self.given_up) == MOST_SKIPPED:
            raise fault
        offset, limit = where
        if limit > 1:
            return at(url, offset, limit // 2)
        end = self.expected is not None and offset + 1 >= self.expected
        following = None if end else at(url, offset + 1, 1)
        self.given_up.append((url, following, f"entry {offset + 1} of {self.query['filter']}", str(fault)))
        if end:
            self._skip()
        return following

    def _skip(self) -> None:
        """Write down what was given up: as the server gives something after it, it is not the server that is down."""
        for url, following, name, why in self.given_up:
            log.warning("%s is skipped: %s", name, why)
            self._add(url, self.home.keep_skipped(len(self.lines) + 1, url, following, name, why))
        self.given_up = []

    def _add(self, url: str, line: dict) -> None:
        self.urls.add(url)
        self.lines.append(line)
        self.home.append(line)

    def _checked(self) -> set:
        """The ids of the entries; an error if there should be more."""
        pages = (_data(self.home, line) for line in self.lines if SKIPPED not in line)
        found = {row["id"] for page in pages for row in page}
        skipped = sum(SKIPPED in line for line in self.lines)
        if self.expected is not None and len(found) + skipped < self.expected:
            raise DownloadError(
                f"{self.query['endpoint']}: {self.expected} structures match {self.query['filter']!r}, and its pages hold "
                f"{len(found)} different ones: the data changed meanwhile or the server loses entries between pages. Delete "
                f"{self.home.path} to fetch them anew, or take a bulk file"
            )
        return found


def _still_valid(home: Folder, server: Server) -> list[dict]:
    """The kept lines if they can be built upon, none if the data changed. Damaged pages and the last one are asked for again."""
    lines = home.lines()
    for k, line in enumerate(lines):
        damaged = home.body(line) is None
        if SKIPPED in line:
            if damaged:
                lines[k] = home.keep_skipped(line["page"], line["url"], line["next"], line[SKIPPED], "skipped before")
            continue
        if not damaged and k < len(lines) - 1:
            continue
        page = server.page(line["url"])
        if page.data_sha256 != line["data_sha256"]:
            log.warning("%s: page %d is not what it was: all pages are fetched anew", line["url"], line["page"])
            lines = []
            break
        log.info("page %d was %s", line["page"], "damaged: fetched again" if damaged else "the last one: unchanged")
        # the way on as it was, unless it is by the server's own pages: these may have become more
        by_server = line["next"] is None or place(line["url"]) is None or page.next is None
        lines[k] = home.keep(line["page"], line["url"], page if by_server else replace(page, next=line["next"]))
    if not lines:
        shutil.rmtree(home.path)
        home.path.mkdir()
    home.rewrite(lines)
    return lines
