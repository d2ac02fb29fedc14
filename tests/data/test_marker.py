"""A download and its marker: what is no data never becomes data, and every fault has one way out."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lcom.data.sources.marker import anew, check, mark
from lcom.stages import download, source
from tests.crystals import KNOWN

PORTAL = b"<!DOCTYPE html><title>Please accept our terms</title>"


def matbench_file() -> bytes:
    rows = [[crystal.to_structure().as_dict(), -1.0] for crystal in KNOWN.values()]
    table = {"index": list(range(len(rows))), "columns": ["structure", "e_form"], "data": rows}
    return gzip.compress(json.dumps(table).encode(), mtime=0)


@pytest.fixture
def host(monkeypatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_) -> None:
            pass

        def do_GET(self) -> None:
            self.server.asked += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()
            self.wfile.write(self.server.body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.body, server.asked = matbench_file(), 0
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def stages(host, tmp_path, monkeypatch) -> tuple[Callable[[], None], Callable[[], None], Path]:
    """The stages download and source, and the folder of the download."""
    folder = tmp_path / "raw" / "mb"
    config = {"kind": "matbench", "url": f"http://127.0.0.1:{host.server_port}/m.json.gz"}

    def call(main: Callable[[], None], **options: object) -> None:
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        monkeypatch.setattr(sys, "argv", ["stage", "--dataset", "mb", *words])
        main()

    def fetch() -> None:
        call(download.main, config=json.dumps(config), path=folder / "file", out=folder / "complete.json")

    def make() -> None:
        out = {key: tmp_path / f"out.{key}" for key in ("out", "rejected", "report", "plot")}
        call(source.main, config=json.dumps({"source": config, "clean": {}}), input=folder / "file", **out)

    return fetch, make, folder


def test_a_log_in_page_is_never_marked(host, stages) -> None:
    fetch, make, folder = stages
    data, host.body = host.body, PORTAL
    with pytest.raises(ValueError, match="begins with '<!DOCTYPE html>.*log-in.*Give a mirror in 'data.mb.url'"):
        fetch()
    assert not (folder / "complete.json").exists() and not (folder / "file").exists()
    (folder / "file").write_bytes(PORTAL)  # left by an earlier version
    host.body = data
    fetch()
    make()
    assert json.loads((folder / "complete.json").read_text())["bytes"] == len(data)


def test_a_file_that_changed_since_is_named_with_what_to_delete(stages) -> None:
    fetch, make, folder = stages
    fetch()
    data = (folder / "file").read_bytes()
    (folder / "file").write_bytes(data[:-9])
    with pytest.raises(
        ValueError, match="is not the file that was downloaded: delete .*file and .*complete.json and run"
    ):
        make()
    for name in ("file", "complete.json"):  # as told
        (folder / name).unlink()
    fetch()
    make()
    (folder / "complete.json").write_text("{")
    with pytest.raises(ValueError, match=r"delete .*file and .*complete\.json"):
        make()


def test_a_file_that_was_deleted_is_fetched_by_the_same_command(host, stages) -> None:
    """To free space, say. Without its marker Snakemake runs the download again."""
    fetch, make, folder = stages
    fetch()
    (folder / "file").unlink()
    with pytest.raises(FileNotFoundError, match="was deleted: run the same command again"):
        make()
    assert not (folder / "complete.json").exists()
    fetch()
    make()
    assert host.asked == 2


def test_a_damaged_file_as_it_came_says_what_to_delete(host, stages) -> None:
    fetch, make, folder = stages
    host.body = host.body[:-200]
    fetch()
    with pytest.raises(ValueError, match=r"damaged or cut off: .* delete .*file and .*complete\.json and run again"):
        make()


def test_a_file_of_ones_own_has_no_marker(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    check(path)
    assert "restore the file" in anew(path)
    path.write_bytes(b"data")
    mark(path, tmp_path / "complete.json", "https://here")
    check(path)
