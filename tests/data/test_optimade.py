"""Download of OPTIMADE pages: from a stand-in, and from optimade-python-tools' reference server."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from lcom.data.sources import optimade_server
from lcom.data.sources.http import DownloadError, Patience
from lcom.data.sources.optimade import fetch_pages, read_kept

HASTY = Patience(interval=0.0, timeout=3.0, attempts=3, backoff=0.01, longest_wait=5.0)
FILTER = "nelements<=2 AND nsites<=8"


def oqmd_row(k: int, **changes) -> dict:
    """Rock salt as oqmd.org has it, entry id 100 + k, -2 + k/100 eV/atom."""
    attributes = {
        "last_modified": "2021-11-04T00:00:00Z",
        "elements": ["Cl", "Na"],
        "nelements": 2,
        "elements_ratios": [0.5, 0.5],
        "chemical_formula_reduced": "ClNa",
        "chemical_formula_descriptive": "NaCl",
        "chemical_formula_anonymous": "AB",
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "lattice_vectors": [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]],
        "cartesian_site_positions": [[0.0, 0.0, 0.0], [2.8, 2.8, 2.8]],
        "nsites": 2,
        "species": [{"name": s, "chemical_symbols": [s], "concentration": [1.0]} for s in ("Na", "Cl")],
        "species_at_sites": ["Na", "Cl"],
        "structure_features": [],
        "_oqmd_entry_id": 100 + k,
        "_oqmd_delta_e": -2 + k / 100,
    }
    return {"id": str(4061000 + k), "type": "structures", "attributes": {**attributes, **changes}}


def within(row: dict, filter: str) -> bool:
    """Whether an entry passes the terms of the filter on its energy."""
    terms = re.findall(r"_oqmd_delta_e(>=|<)([^\s)]+)", filter)
    return all((row["attributes"]["_oqmd_delta_e"] < float(value)) == (sign == "<") for sign, value in terms)


class StandIn(ThreadingHTTPServer):
    """An OPTIMADE server of `rows`, or a door to another one at `upstream`, with troubles.

    troubles: for an offset what goes wrong there, one each time it is asked. asked: (offset, query) of each request.
    edit: changes a page before it is sent. link: string, object or relative. broken: places of entries over which it always
    breaks. farthest: the smallest offset that it refuses.
    """

    daemon_threads = True

    def __init__(self, rows: list[dict], upstream: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows, self.upstream, self.link = rows, upstream, "string"
        self.troubles: dict[int, list] = {}
        self.broken: set[int] = set()
        self.farthest = 1 << 60
        self.asked: list[int] = []
        self.times: list[float] = []
        self.queries: list[dict] = []
        self.edit = lambda offset, page: page
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def endpoint(self) -> str:
        return f"{self.host}/v1"

    def page(self, path: str, offset: int) -> dict:
        if self.upstream:
            with urlopen(self.upstream + path, timeout=30) as response:
                return json.loads(response.read().replace(self.upstream.encode(), self.host.encode()))
        query = parse_qs(urlsplit(path).query)
        rows = [row for row in self.rows if within(row, query.get("filter", [""])[0])]
        limit, end = int(query["page_limit"][0]), len(rows)
        asked = {key: value[0] for key, value in query.items() if key != "page_offset"}
        link = f"/v1/structures?{'&'.join(f'{k}={quote(v)}' for k, v in asked.items())}&page_offset={offset + limit}"
        link = {"string": self.host + link, "object": {"href": self.host + link}, "relative": link}[self.link]
        meta = {"query": {"representation": path}, "time_stamp": str(time.time()), "api_version": "1.1.0"}
        return {
            "data": rows[offset : offset + limit],
            "links": {"next": link if offset + limit < end else None},
            "meta": {
                **meta,
                "data_returned": end,
                "data_available": end + 7,
                "more_data_available": offset + limit < end,
            },
        }


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        server: StandIn = self.server
        query = parse_qs(urlsplit(self.path).query)
        offset = int(query.get("page_offset", ["0"])[0])
        server.asked.append(offset)
        server.times.append(time.monotonic())
        server.queries.append(query)
        trouble = server.troubles[offset].pop(0) if server.troubles.get(offset) else None
        limit = int(query["page_limit"][0])
        if any(offset <= bad < offset + limit for bad in server.broken):
            return self.answer(500, b"{}")
        if offset >= server.farthest:
            return self.answer(400, b'{"errors": [{"detail": "offset too large"}]}')
        if trouble == "silence":
            time.sleep(HASTY.timeout + 1)
            return
        if isinstance(trouble, tuple):  # status, headers
            return self.answer(trouble[0], b'{"errors": [{"detail": "not that way"}]}', trouble[1])
        body = json.dumps(server.edit(offset, server.page(self.path, offset))).encode()
        if trouble == "cut":
            return self.answer(200, body[: len(body) // 2], {"Content-Length": str(len(body))})
        if trouble == "cut without length":
            return self.answer(200, body[: len(body) // 2], {"Content-Length": ""})
        if trouble == "html":
            return self.answer(200, b"<html>We are busy</html>")
        if trouble == "no data":
            return self.answer(200, b'{"meta": {}}')
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            return self.answer(200, gzip.compress(body), {"Content-Encoding": "gzip"})
        return self.answer(200, body)

    def answer(self, status: int, body: bytes, headers: dict | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        with suppress(OSError):  # nobody waits any more
            self.wfile.write(body)


ROWS = [oqmd_row(k) for k in range(10)]


@pytest.fixture(scope="module")
def reference_server(tmp_path_factory):
    """The reference server with ROWS, in a process of its own; its address."""
    folder = tmp_path_factory.mktemp("optimade")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    lines = [{"x-optimade": {"meta": {"api_version": "1.2.0"}}}]
    for row in ROWS:  # the server adds its prefix to the provider's own fields
        lines.append({**row, "attributes": {k.removeprefix("_oqmd_"): v for k, v in row["attributes"].items()}})
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    fields = [{"name": n, "type": t, "description": n} for n, t in (("entry_id", "integer"), ("delta_e", "float"))]
    config = {
        "insert_test_data": False,
        "insert_from_jsonl": str(folder / "rows.jsonl"),
        "database_backend": "mongomock",
        "base_url": address,
        "provider": {"prefix": "oqmd", "name": "OQMD", "description": "Stand-in", "homepage": None},
        "provider_fields": {"structures": fields},
        "log_dir": str(folder),
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "optimade.server.main:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    env = {**os.environ, "OPTIMADE_CONFIG_FILE": str(folder / "config.json")}
    with (folder / "log").open("w") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as process:
        for _ in range(600):
            time.sleep(0.1)
            try:
                urlopen(f"{address}/v1/structures?filter=nsites%3E1&page_limit=1", timeout=30).close()
                break
            except (URLError, OSError):
                assert process.poll() is None, (folder / "log").read_text()
        yield address
        process.terminate()


@pytest.fixture(params=["stand-in", "reference"])
def server(request, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    upstream = request.getfixturevalue("reference_server") if request.param == "reference" else ""
    with StandIn(list(ROWS), upstream) as server:
        yield server
        server.shutdown()


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with StandIn(list(ROWS)) as server:
        yield server
        server.shutdown()


def fetch(server: StandIn, folder: Path, filter: str = FILTER, **options) -> int:
    return fetch_pages(server.endpoint, filter, folder, page_limit=3, **{"patience": HASTY, **options})


def entries(folder: Path) -> list[int]:
    return [row["attributes"]["_oqmd_entry_id"] for _, data in read_kept(folder) for row in data]


ALL = [100 + k for k in range(10)]


def home(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.is_dir())


def test_all_pages_are_kept_as_they_came(server, tmp_path):
    assert fetch(server, tmp_path) == 10
    assert server.asked == [0, 3, 6, 9]
    assert server.queries[0]["filter"] == [FILTER] and "_oqmd_delta_e" in server.queries[0]["response_fields"][0]
    assert entries(tmp_path) == ALL
    page = json.loads(gzip.decompress((home(tmp_path) / "000002.json.gz").read_bytes()))
    assert {"data", "links", "meta"} <= set(page) and len(page["data"]) == 3
    lines = [json.loads(line) for line in (home(tmp_path) / "manifest.jsonl").read_text().splitlines()]
    assert [line["entries"] for line in lines] == [3, 3, 3, 1]
    assert lines[0]["data_returned"] == 10 and lines[-1]["next"] is None


@pytest.mark.parametrize("trouble", ["silence", "cut", "cut without length", "html", "no data", (500, {}), (503, {})])
def test_troubles_that_pass(server, tmp_path, trouble):
    server.troubles = {3: [trouble], 6: [trouble, "cut"]}
    assert fetch(server, tmp_path) == 10
    assert server.asked == [0, 3, 3, 6, 6, 6, 9]
    assert entries(tmp_path) == ALL


def test_retry_after_is_honoured(server, tmp_path):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    server.troubles = {3: [(429, {"Retry-After": "1"})], 6: [(503, {"Retry-After": later})]}
    start = time.monotonic()
    assert fetch(server, tmp_path) == 10
    assert time.monotonic() - start > 1.9
    first, second = (server.times[k] for k, offset in enumerate(server.asked) if offset == 3)
    assert second - first >= 0.99


def test_a_wait_without_end_is_refused(stand_in, tmp_path):
    stand_in.troubles = {3: [(429, {"Retry-After": "86400"})]}
    with pytest.raises(
        DownloadError, match=r"429 .*wait 86400 s\. The pages so far are kept: the same command goes on"
    ):
        fetch(stand_in, tmp_path)
    assert fetch(stand_in, tmp_path) == 10
    assert stand_in.asked == [0, 3, 0, 3, 6, 9]


def test_requests_keep_their_distance(stand_in, tmp_path):
    fetch(stand_in, tmp_path, patience=Patience(interval=0.2, timeout=5, attempts=1))
    gaps = sorted(b - a for a, b in zip(stand_in.times, stand_in.times[1:], strict=False))
    assert gaps[len(gaps) // 2] > 0.19  # of times of arrival, one of which a busy machine may make late


def test_a_server_that_wants_time_between_requests(stand_in, tmp_path):
    stand_in.edit = lambda offset, page: {**page, "meta": {**page["meta"], "request_delay": 0.2}}
    fetch(stand_in, tmp_path)
    gaps = sorted(b - a for a, b in zip(stand_in.times, stand_in.times[1:], strict=False))
    assert gaps[len(gaps) // 2] > 0.19  # of times of arrival, one of which a busy machine may make late


def test_after_the_last_try_the_download_goes_on(server, tmp_path):
    server.troubles = {6: ["cut", (502, {}), "html"]}
    with pytest.raises(DownloadError, match="no page in 3 tries, last: .*The pages so far are kept"):
        fetch(server, tmp_path)
    with pytest.raises(ValueError, match="stopped after page 2"):
        entries(tmp_path)
    server.asked.clear()
    assert fetch(server, tmp_path) == 10
    assert server.asked == [3, 6, 9]  # the last page, to see that it is still the same, and what is missing
    assert entries(tmp_path) == ALL


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_refusal_is_not_repeated(stand_in, tmp_path, status):
    stand_in.troubles = {0: [(status, {})]}
    with pytest.raises(DownloadError, match=rf"answers {status} \(not that way\).*`filter` under `data:`"):
        fetch(stand_in, tmp_path)
    assert stand_in.asked == [0]


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(DownloadError, match="no page in 3 tries, last: ConnectionError"):
        fetch_pages("http://127.0.0.1:9/v1", FILTER, tmp_path, patience=HASTY)
    with pytest.raises(DownloadError, match="no address of an OPTIMADE interface: see `url`"):
        fetch_pages("file:///etc", FILTER, tmp_path, patience=HASTY)


@pytest.mark.parametrize("link", ["string", "object", "relative"])
def test_forms_of_the_next_link(stand_in, tmp_path, link):
    stand_in.link = link
    assert fetch(stand_in, tmp_path) == 10


def test_killed_in_the_middle(server, tmp_path):
    server.troubles = {6: ["silence"]}
    code = (
        "import sys; from pathlib import Path; from lcom.data.sources.optimade import *; from lcom.data.sources.http import Patience; "
        "fetch_pages(sys.argv[1], sys.argv[2], Path(sys.argv[3]), page_limit=3, patience=Patience(interval=0))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, server.endpoint, FILTER, str(tmp_path)])
    while 6 not in server.asked:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.asked.clear()
    assert fetch(server, tmp_path) == 10
    assert server.asked == [3, 6, 9]
    assert entries(tmp_path) == ALL


@pytest.mark.parametrize("harm", ["empty", "half", "other", "gone"])
def test_torn_pages_are_fetched_again(server, tmp_path, harm):
    fetch(server, tmp_path)
    page = home(tmp_path) / "000002.json.gz"
    body = page.read_bytes()
    page.write_bytes({"empty": b"", "half": body[: len(body) // 2], "other": gzip.compress(b"{}"), "gone": b""}[harm])
    if harm == "gone":
        page.unlink()
    with pytest.raises(ValueError, match=r"000002\.json\.gz is damaged"):
        entries(tmp_path)
    server.asked.clear()
    assert fetch(server, tmp_path) == 10
    assert server.asked == [3, 9]
    assert entries(tmp_path) == ALL


def test_a_page_that_is_lost_during_the_download(stand_in, tmp_path):
    def edit(offset: int, page: dict) -> dict:
        if offset == 6:
            (home(tmp_path) / "000002.json.gz").unlink()
        return page

    usual, stand_in.edit = stand_in.edit, edit
    with pytest.raises(ValueError, match=r"000002\.json\.gz is damaged"):
        fetch(stand_in, tmp_path)
    stand_in.edit = usual
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path) == 10
    assert stand_in.asked == [3, 9]


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
@pytest.mark.parametrize("cut", [0, 1, 40, -2])
def test_torn_manifest(stand_in, tmp_path, keep, cut):
    """Whole lines, and then a part of the next one: what follows is fetched again."""
    fetch(stand_in, tmp_path)
    manifest = home(tmp_path) / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:keep]) + lines[keep][:cut])
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path) == 10
    assert stand_in.asked == [0, 3, 6, 9][max(0, keep - 1) :]
    assert entries(tmp_path) == ALL


def test_a_changed_page_is_noticed(server, tmp_path, caplog):
    server.troubles = {6: ["cut"] * 3}
    with pytest.raises(DownloadError):
        fetch(server, tmp_path)

    def edit(offset, page):
        for row in page["data"]:
            row["attributes"]["_oqmd_delta_e"] -= 1
        return page

    server.edit = edit
    server.asked.clear()
    assert fetch(server, tmp_path) == 10
    assert server.asked == [3, 0, 3, 6, 9]
    assert "page 2 is not what it was: all pages are fetched anew" in caplog.text
    assert all(row["attributes"]["_oqmd_delta_e"] < -2.8 for _, data in read_kept(tmp_path) for row in data)


def test_a_server_that_grew(stand_in, tmp_path):
    """The last page is full and was the end; now it is not."""
    stand_in.rows = ROWS[:9]
    assert fetch(stand_in, tmp_path) == 9
    stand_in.rows = list(ROWS)
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path) == 10
    assert stand_in.asked == [6, 9]


def test_another_filter_starts_anew_and_the_first_is_still_there(stand_in, tmp_path):
    fetch(stand_in, tmp_path)
    stand_in.rows = ROWS[:4]
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path, 'elements HAS "Na"') == 4
    assert stand_in.asked == [0, 3] and entries(tmp_path) == ALL[:4]
    stand_in.rows = list(ROWS)
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path) == 10
    assert stand_in.asked == [9] and entries(tmp_path) == ALL


def _link(to):
    def edit(offset, page):
        if offset == 3:
            page["links"]["next"] = to
        return page

    return edit


def test_circles_end(stand_in, tmp_path):
    stand_in.edit = lambda offset, page: {**page, "links": {"next": page["meta"]["query"]["representation"]}}
    with pytest.raises(DownloadError, match="goes in circles"):
        fetch(stand_in, tmp_path)
    assert stand_in.asked == [0]


@pytest.mark.parametrize("rows", [ROWS[:3], []], ids=["the same page", "empty pages"])
def test_circles_with_ever_new_links(stand_in, tmp_path, rows):
    def edit(offset, page):
        link = f"/v1/structures?page_limit=3&page_offset={offset + 3}"
        return {**page, "data": rows, "links": {"next": link}}

    stand_in.edit = edit
    with pytest.raises(DownloadError, match="goes in circles"):
        fetch(stand_in, tmp_path)
    assert len(stand_in.asked) <= 2


@pytest.mark.parametrize(
    "link", ["http://example.org/v1/structures?page_offset=6", "//example.org/", "file:///etc/passwd"]
)
def test_other_hosts_are_refused(stand_in, tmp_path, link):
    stand_in.edit = _link(link)
    with pytest.raises(DownloadError, match="another host"):
        fetch(stand_in, tmp_path)
    stand_in.edit = lambda offset, page: page
    stand_in.troubles = {0: [(302, {"Location": link})]}
    with pytest.raises(DownloadError, match="another host|answers 302"):
        fetch(stand_in, tmp_path / "redirected")


def test_a_redirection_on_the_host_is_followed(stand_in, tmp_path):
    stand_in.troubles = {0: [(301, {"Location": "/v1/structures?page_limit=3&page_offset=0"})]}
    assert fetch(stand_in, tmp_path) == 10


def test_https_stays_https():
    """Servers behind a proxy write http into their links."""
    link = optimade_server.on_host(
        "https://oqmd.org/optimade/v1/structures", "http://oqmd.org/optimade/v1/structures?page_offset=3"
    )
    assert link == "https://oqmd.org/optimade/v1/structures?page_offset=3"
    with pytest.raises(DownloadError):
        optimade_server.on_host("https://oqmd.org/", "http://oqmd.org:8080/")


def test_pages_that_lose_entries(stand_in, tmp_path):
    stand_in.edit = lambda offset, page: {**page, "data": page["data"][: 3 if offset else 2]}
    with pytest.raises(DownloadError, match="10 structures match .*its pages hold 9"):
        fetch(stand_in, tmp_path)


def test_a_filter_that_nothing_matches(stand_in, tmp_path):
    stand_in.rows = []
    with pytest.raises(DownloadError, match="no structure matches the filter 'nelements<=2"):
        fetch(stand_in, tmp_path)
    with pytest.raises(FileNotFoundError, match="no OPTIMADE pages were downloaded"):
        entries(tmp_path / "elsewhere")


# ---- pages that never come


@pytest.mark.parametrize("broken", [{4}, {0}, {9}, {3, 4, 5}, {0, 4, 9}])
def test_an_entry_that_breaks_the_server_is_skipped_and_named(stand_in, tmp_path, broken, caplog):
    stand_in.broken = broken
    assert fetch(stand_in, tmp_path) == 10 - len(broken)
    rows = [row for _, data in read_kept(tmp_path) for row in data]
    assert [row["attributes"]["_oqmd_entry_id"] for row in rows if "skipped" not in row] == [
        id for k, id in enumerate(ALL) if k not in broken
    ]
    named = [row["id"] for row in rows if "skipped" in row]
    assert named == [f"entry {k + 1} of {FILTER}" for k in sorted(broken)]
    assert all(f"{name} is skipped" in caplog.text for name in named)
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path) == 10 - len(broken)
    assert len(stand_in.asked) <= 1  # the last page, if it is one
    gone = next(home(tmp_path).glob("*.json.gz"))
    gone.unlink()
    assert fetch(stand_in, tmp_path) == 10 - len(broken)


def test_after_an_entry_that_is_skipped_pages_grow_again(stand_in, tmp_path):
    stand_in.rows, stand_in.broken = [oqmd_row(k) for k in range(400)], {5}
    assert fetch_pages(stand_in.endpoint, FILTER, tmp_path, page_limit=64, patience=HASTY) == 399
    lines = [json.loads(line) for line in (home(tmp_path) / "manifest.jsonl").read_text().splitlines()]
    assert max(line["entries"] for line in lines) == 64 and len(lines) < 20
    assert sum(line["entries"] for line in lines) == 399


def test_a_server_that_is_down_is_no_bad_entry(stand_in, tmp_path):
    stand_in.rows, stand_in.broken = [oqmd_row(k) for k in range(40)], set(range(9, 40))
    with pytest.raises(DownloadError, match="answers 500.*The pages so far are kept"):
        fetch(stand_in, tmp_path)
    stand_in.broken = set()
    assert fetch(stand_in, tmp_path) == 40
    assert not [row for _, data in read_kept(tmp_path) for row in data if "skipped" in row]


def test_a_cursor_cannot_be_halved(stand_in, tmp_path):
    stand_in.edit = _link("/v1/structures?page_cursor=x&page_limit=3&page_offset=6&filter=")
    stand_in.troubles = {6: [(500, {})] * 3}
    with pytest.raises(DownloadError, match="answers 500"):
        fetch(stand_in, tmp_path)


def test_a_filter_is_split_where_offsets_are_refused(stand_in, tmp_path, caplog):
    stand_in.farthest = 6
    stand_in.rows = [oqmd_row(k) for k in np.random.default_rng(0).permutation(40).tolist()]
    assert fetch(stand_in, tmp_path) == 40
    assert sorted(entries(tmp_path)) == [100 + k for k in range(40)]
    assert "offset too large" in caplog.text and re.search(
        r"the filter is split into \d+, by _oqmd_delta_e", caplog.text
    )
    stand_in.asked.clear()
    assert fetch(stand_in, tmp_path) == 40
    assert len(stand_in.asked) == len(list(tmp_path.glob("*/manifest.jsonl"))) and max(stand_in.asked) < 6


def test_a_filter_that_cannot_be_split(stand_in, tmp_path):
    stand_in.farthest = 6
    stand_in.rows = [oqmd_row(k, _oqmd_delta_e=-1.0) for k in range(40)]
    with pytest.raises(DownloadError, match="offset too large.*Split the filter yourself"):
        fetch(stand_in, tmp_path)


def test_a_page_without_end(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(optimade_server, "LARGEST", 1000)
    with pytest.raises(DownloadError, match="for one page: this is no OPTIMADE interface"):
        fetch(stand_in, tmp_path)
