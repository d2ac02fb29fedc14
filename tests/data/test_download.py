"""Downloads from a server on loopback that fails in every way a server on the internet does."""

import errno
import hashlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import filelock._unix
import pytest
import requests

from lcom.data.sources import download
from lcom.data.sources.download import fetch, sha256_of
from lcom.data.sources.http import DownloadError, Patience, Session

BODY = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
HALF = len(BODY) // 2
QUICK = Patience(attempts=3, backoff=0.001, timeout=5)


class Server(ThreadingHTTPServer):
    """Serves `body`; each request takes the next of `faults`, and is remembered. `etag` None: no validator is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag = BODY, '"1"'
        self.faults: list[str] = []
        self.requests: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/m.json.gz"

    @property
    def ranges(self) -> list[str | None]:
        return [request.get("Range") for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(dict(self.headers))
        fault, _, value = (server.faults.pop(0) if server.faults else "").partition(" ")
        if fault.isdecimal():
            self.send_response(int(fault))
            self.send_header("Retry-After", value) if value else None
            self.end_headers()
            self.wfile.write(b"<html>not the file</html>")
            return
        body = server.body
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if fault == "ignore-range" or self.headers.get("If-Range", server.etag) != server.etag:
            start = 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + int(value or 0)}-{len(body) - 1}/{len(body)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        if fault != "no-length":
            self.send_header("Content-Length", str(len(body) - start))
        if fault == "encoded":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if fault == "flipped":
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault not in ("cut", "reset", "stall"):
            self.wfile.write(body[start:])
            return
        self.wfile.write(body[start : start + (len(body) - start) // 2])
        if fault == "stall":
            server.over.wait(60)
        if fault == "reset":
            time.sleep(0.1)  # a reset throws away what was not yet read
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """The seconds that would have been waited."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def _whole(path: Path) -> bool:
    """The file is right and alone."""
    return path.read_bytes() == BODY and [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_is_fetched_once(server, tmp_path) -> None:
    path = tmp_path / "new" / "m.json.gz"
    assert fetch(server.url, path, SHA256.upper(), patience=QUICK) == path
    assert _whole(path) and sha256_of(path) == SHA256
    fetch(server.url, path, SHA256, patience=QUICK)
    fetch(server.url, path, patience=QUICK)
    assert len(server.requests) == 1
    assert server.requests[0]["User-Agent"].startswith("lcom/") and server.requests[0]["Accept-Encoding"] == "identity"


def test_a_file_that_changed_is_fetched_again(server, tmp_path) -> None:
    path = tmp_path / "m.json.gz"
    path.write_bytes(b"something else")
    fetch(server.url, path, SHA256, patience=QUICK)
    assert _whole(path)


@pytest.mark.parametrize("fault", ["cut", "reset", "stall", "500", "503", "429 0", "408"])
@pytest.mark.parametrize("sha256", [SHA256, None])
def test_faults_are_overcome(server, tmp_path, fault: str, sha256: str | None) -> None:
    server.faults = [fault, fault]
    patience = Patience(attempts=3, backoff=0.001, timeout=1 if fault == "stall" else 5)
    fetch(server.url, tmp_path / "m.json.gz", sha256, patience=patience)
    assert _whole(tmp_path / "m.json.gz") and len(server.requests) == 3
    if fault == "cut":
        assert server.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + HALF // 2}-"]


def test_no_length_and_an_encoding_that_is_none(server, tmp_path) -> None:
    for fault in ("no-length", "encoded"):
        server.faults = [fault]
        fetch(server.url, tmp_path / "m.json.gz", patience=QUICK)
        assert _whole(tmp_path / "m.json.gz")
        (tmp_path / "m.json.gz").unlink()


def test_a_server_without_ranges(server, tmp_path) -> None:
    server.faults = ["cut", "ignore-range"]
    fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=QUICK)
    assert _whole(tmp_path / "m.json.gz") and server.ranges == [None, f"bytes={HALF}-"]


def test_another_part_than_asked_for(server, tmp_path) -> None:
    server.faults = ["cut", "part 7"]
    fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=QUICK)
    assert _whole(tmp_path / "m.json.gz") and server.ranges == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', None])
def test_a_file_that_changes_halfway_is_never_mixed(server, tmp_path, etag: str | None) -> None:
    path = tmp_path / "m.json.gz"
    server.body, server.etag, server.faults = BODY[::-1], etag, ["cut"]
    with pytest.raises(DownloadError):
        fetch(server.url, path, patience=Patience(attempts=1))
    assert path.with_name("m.json.gz.part").stat().st_size == HALF
    server.body, server.etag = BODY, '"2"' if etag == '"1"' else etag
    fetch(server.url, path, patience=QUICK)
    assert _whole(path)


def test_halves_of_two_versions_fail_the_checksum_and_are_fetched_from_the_beginning(server, tmp_path) -> None:
    path = tmp_path / "m.json.gz"
    server.body, server.etag, server.faults = BODY[::-1], None, ["cut"]
    with pytest.raises(DownloadError):
        fetch(server.url, path, SHA256, patience=Patience(attempts=1))
    server.body = BODY
    fetch(server.url, path, SHA256, patience=QUICK)
    assert _whole(path) and server.ranges == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize(("kept", "ranges"), [(len(BODY), 1), (len(BODY) + 9, 2)])
def test_a_part_that_is_complete_or_too_long(server, tmp_path, kept: int, ranges: int) -> None:
    path = tmp_path / "m.json.gz"
    path.with_name("m.json.gz.part").write_bytes((BODY + b"too much!")[:kept])
    fetch(server.url, path, SHA256, patience=QUICK)
    assert _whole(path) and len(server.requests) == ranges


def test_many_interruptions_are_no_failure_while_the_file_grows(server, tmp_path) -> None:
    server.faults = ["cut"] * 8
    fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=Patience(attempts=2, backoff=0.001))
    assert _whole(tmp_path / "m.json.gz") and len(server.requests) == 9


def test_a_body_cut_at_the_same_place_each_time_ends(server, tmp_path) -> None:
    server.etag, server.faults = None, ["cut"] * 50
    with pytest.raises(DownloadError, match="IncompleteRead|ended after"):
        fetch(server.url, tmp_path / "m.json.gz", patience=QUICK)
    assert len(server.requests) == 3  # half a file again and again is nothing new


# ---- waiting


def test_back_off_doubles(server, tmp_path, waits) -> None:
    server.faults = ["500"] * 4
    fetch(server.url, tmp_path / "m.json.gz", patience=Patience(attempts=5, backoff=2))
    assert waits == [4, 8, 16]  # asked again at once after the first failure


def test_retry_after(server, tmp_path, waits) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.faults = ["429 7", "503 30", f"503 {date}", "429 nonsense"]
    fetch(server.url, tmp_path / "m.json.gz", patience=Patience(backoff=1))
    assert waits[:2] == [7, 30] and waits[2] == pytest.approx(100, abs=20) and waits[3] == 8


def test_a_server_that_wants_too_much_patience(server, tmp_path, waits) -> None:
    server.faults = ["429 3600"]
    with pytest.raises(DownloadError, match="429 .*wait 3600 s"):
        fetch(server.url, tmp_path / "m.json.gz", patience=Patience(longest_wait=60))
    assert not waits


# ---- giving up


def test_a_wrong_checksum(server, tmp_path) -> None:
    server.body = BODY[::-1]
    with pytest.raises(DownloadError) as caught:
        fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=QUICK, advice="set matbench.url")
    for part in (server.url, SHA256, hashlib.sha256(BODY[::-1]).hexdigest(), "set matbench.url"):
        assert part in str(caught.value)
    assert not list(tmp_path.iterdir()) and len(server.requests) == 2


@pytest.mark.parametrize("fault", ["404", "403", "410"])
def test_what_is_not_there_is_asked_for_once(server, tmp_path, fault: str) -> None:
    server.faults = [fault] * 3
    with pytest.raises(DownloadError, match=f"m.json.gz could not be fetched .*{fault}.*mirror"):
        fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=QUICK)
    assert len(server.requests) == 1 and not list(tmp_path.iterdir())


def test_a_server_that_stays_broken(server, tmp_path) -> None:
    server.faults = ["500"] * 9
    with pytest.raises(DownloadError, match="500"):
        fetch(server.url, tmp_path / "m.json.gz", patience=QUICK)
    assert len(server.requests) == 3


def test_a_checksum_that_was_wrong_once(server, tmp_path) -> None:
    """Bits lost on the way: the file is fetched a second time."""
    server.faults = ["flipped"]
    fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=QUICK)
    assert _whole(tmp_path / "m.json.gz") and len(server.requests) == 2


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_log_in_page_is_no_file(server, tmp_path, sha256: str | None) -> None:
    path, page = tmp_path / "m.json.gz", b"<!DOCTYPE html><html><title>Welcome to the hotel</title></html>"
    server.body, server.etag = page, None
    magic = (BODY[:2], b"PK")
    with pytest.raises(DownloadError, match="begins with '<!DOCTYPE html><html>.*log-in"):
        fetch(server.url, path, sha256, magic=magic, patience=QUICK)
    assert not list(tmp_path.iterdir())
    path.write_bytes(page)  # by an earlier version
    server.body = BODY
    fetch(server.url, path, sha256, magic=magic, patience=QUICK)
    assert _whole(path)
    with pytest.raises(DownloadError, match="no file of this kind"):
        fetch(Path(__file__), tmp_path / "copy", magic=magic)


def test_a_body_without_end(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("", (), {"free": download.RESERVE + HALF})())
    server.faults = ["no-length"]
    with pytest.raises(DownloadError, match="more came than fits"):
        fetch(server.url, tmp_path / "m.json.gz", patience=QUICK)
    assert not list(tmp_path.iterdir()) and len(server.requests) == 1


def test_a_file_system_without_locks(server, tmp_path, monkeypatch, caplog) -> None:
    def refuse(*_) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock._unix.fcntl, "flock", refuse)
    fetch(server.url, tmp_path / "m.json.gz", SHA256, patience=QUICK)
    assert _whole(tmp_path / "m.json.gz") and "no locks on this file system" in caplog.text


def test_no_way_from_https_to_http() -> None:
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://figshare.com/files/1"
    for target in ("http://elsewhere.org/1", "HTTP://figshare.com/files/1"):
        answer.headers["Location"] = target
        with pytest.raises(DownloadError, match="without encryption: refused"):
            Session().get_redirect_target(answer)
    for target in ("https://elsewhere.org/1", "/files/2", "//elsewhere.org/1"):
        answer.headers["Location"] = target
        assert Session().get_redirect_target(answer) == target


def test_nobody_answers(tmp_path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, but not listening
        with pytest.raises(DownloadError, match="could not be fetched .*Connection"):
            fetch(f"http://127.0.0.1:{bound.getsockname()[1]}/x", tmp_path / "x", patience=QUICK)


@pytest.mark.parametrize("url", ["ftp://somewhere/x", "http://", "http://[::1/x", "s3://bucket/x"])
def test_an_address_that_is_none(tmp_path, waits, url: str) -> None:
    with pytest.raises(DownloadError, match="x could not be fetched"):
        fetch(url, tmp_path / "x")
    assert not waits and not list(tmp_path.iterdir())


def test_no_address(tmp_path) -> None:
    with pytest.raises(DownloadError, match="no address"):
        fetch([], tmp_path / "x")


def test_too_large_for_the_disk(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("", (), {"free": 1000})())
    with pytest.raises(DownloadError, match="do not fit"):
        fetch(server.url, tmp_path / "m.json.gz", patience=QUICK)
    assert not list(tmp_path.iterdir())


# ---- mirrors and copies


def test_mirrors_in_their_order(server, tmp_path) -> None:
    server.faults = ["404", "cut", "404"]
    path = tmp_path / "m.json.gz"
    fetch([server.url + "?a", server.url + "?b", tmp_path / "none", server.url + "?c"], path, SHA256, patience=QUICK)
    assert _whole(path)
    assert server.ranges == [
        None,
        None,
        f"bytes={HALF}-",
        f"bytes={HALF}-",
    ]  # the next mirror goes on where one stopped


def test_a_wrong_file_on_one_mirror(server, tmp_path) -> None:
    (tmp_path / "old").mkdir()
    wrong = tmp_path / "old" / "wrong"
    wrong.write_bytes(b"an older version")
    fetch([wrong, server.url], tmp_path / "new" / "m.json.gz", SHA256, patience=QUICK)
    assert _whole(tmp_path / "new" / "m.json.gz") and wrong.exists()


@pytest.mark.parametrize("as_url", [False, True])
def test_local_copy(tmp_path, as_url: bool) -> None:
    source = tmp_path / "my copies" / "m é.gz"
    source.parent.mkdir()
    source.write_bytes(BODY)
    fetch(source.as_uri() if as_url else str(source), tmp_path / "new" / "m.json.gz", SHA256)
    assert _whole(tmp_path / "new" / "m.json.gz") and source.exists()


def test_a_local_copy_that_is_wrong_or_missing(tmp_path) -> None:
    source = tmp_path / "copy"
    for content, message in ((None, "no such file"), (b"wrong", f"{SHA256} is expected")):
        if content:
            source.write_bytes(content)
        with pytest.raises(DownloadError, match=message):
            fetch(source, tmp_path / "new" / "x", SHA256)
        assert not list((tmp_path / "new").iterdir())
    assert source.read_bytes() == b"wrong"  # the user's file stays


# ---- kills and rivals


def test_killed_halfway_and_called_again(server, tmp_path) -> None:
    path, part = tmp_path / "m.json.gz", tmp_path / "m.json.gz.part"
    code = "import sys; from lcom.data.sources.download import fetch; fetch(sys.argv[1], sys.argv[2], sys.argv[3])"
    command = [sys.executable, "-c", code, server.url, str(path), SHA256]
    server.faults = ["stall"]
    first = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    deadline = time.monotonic() + 250
    # the last piece, smaller than a block, waits for more bytes and is lost
    while not part.exists() or part.stat().st_size < HALF - download.BLOCK:
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(DownloadError, match="another process"):
        fetch(server.url, path, SHA256, patience=QUICK)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = part.stat().st_size
    assert HALF - download.BLOCK <= kept <= HALF and not path.exists()
    fetch(server.url, path, SHA256, patience=QUICK)
    assert _whole(path) and server.ranges == [None, f"bytes={kept}-"]
    assert server.requests[1]["If-Range"] == '"1"'
