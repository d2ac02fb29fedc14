"""One file from the internet: resumed, retried, checked, and there only when it is whole.

What has come is kept in `NAME.part` beside the target, also when the process is killed; the next call asks for the rest.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.request import url2pathname

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from lcom.base.files import whole, write_json
from lcom.base.lock import AtWork, held
from lcom.data.sources.http import AGENT, BUSY, DownloadError, retry_after

log = logging.getLogger(__name__)

BLOCK = 1 << 16  # bytes written at a time: what a kill can lose
LONGEST_BACKOFF = 60.0  # s
ADVICE = "Give a mirror's URL or the path of a local copy instead"


class _Failed(Exception):
    """An attempt failed: `wait` s if the server asked for it, `final` if trying the address again is of no use."""

    def __init__(self, fault: str, wait: float = 0.0, final: bool = False) -> None:
        super().__init__(fault)
        self.wait, self.final = wait, final


@dataclass(frozen=True, slots=True)
class Patience:
    """attempts: in a row that bring nothing new. backoff: s before the second, doubled each time. longest_wait: s that
    a server may ask for (Retry-After). timeout: s to connect, and s without a byte."""

    attempts: int = 6
    backoff: float = 1.0
    longest_wait: float = 300.0
    timeout: float = 30.0


def sha256_of(path: str | os.PathLike) -> str:
    """The sha256 of a file, in hexadecimal, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    url: str | Path | Sequence[str | Path],
    path: str | os.PathLike,
    sha256: str | None = None,
    *,
    patience: Patience | None = None,
    progress: bool = True,
    advice: str = ADVICE,
) -> Path:
    """The file at `url`, an http(s) or file URL or a local path, or the first of several that works, as `path`.

    A `path` that is there and has the sha256 (or that nothing is known of) is left as it is. Raises `DownloadError`,
    which ends in `advice`: the caller knows the key of the config that holds the address.
    """
    path, patience = Path(path), patience or Patience()
    sha256 = sha256.lower() if sha256 else None
    urls = [url] if isinstance(url, str | Path) else list(url)
    if not urls:
        raise DownloadError(f"there is no address to fetch {path.name} from. {advice}")
    if path.exists():
        if sha256 is None or sha256_of(path) == sha256:
            return path
        log.warning("%s has not the sha256 %s: fetched again", path, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    faults = []
    for address in urls:
        try:
            local = _local(address)
            if local is not None:
                _copy(local, path, sha256)
            else:
                _download(str(address), path, sha256, patience, progress)
            return path
        except _Failed as fault:
            faults.append(f"{address}: {fault}")
            log.warning("%s", faults[-1])
    kept = f" What came is in {_part(path)}: the next run goes on from there." if _part(path).exists() else ""
    raise DownloadError(f"{path.name} could not be fetched ({'; '.join(faults)}).{kept} {advice}")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _notes(path: Path) -> Path:
    """What the server said of the file in the `.part`: its address, its validator, its size."""
    return path.with_name(f"{path.name}.part.json")


def _local(address: str | Path) -> Path | None:
    """The path that a file URL or a path means; None for http(s)."""
    scheme, slashes, rest = str(address).partition("://")
    if not slashes:
        return Path(address).expanduser()
    if scheme.lower() in ("http", "https"):
        return None
    if scheme.lower() == "file":
        return Path(url2pathname("/" + rest.partition("/")[2]))  # without the host
    raise _Failed("only http://, https://, file:// and local paths can be fetched", final=True)


def _copy(source: Path, path: Path, sha256: str | None) -> None:
    if not source.is_file():
        raise _Failed("there is no such file", final=True)
    with whole(path) as temporary:
        shutil.copyfile(source, temporary)
        try:
            _check(temporary, sha256)
        except _Failed:
            temporary.unlink()
            raise


def _check(file: Path, sha256: str | None) -> None:
    if sha256 is not None and (found := sha256_of(file)) != sha256:
        raise _Failed(f"the sha256 of the file is {found}, {sha256} is expected", final=True)


def _download(url: str, path: Path, sha256: str | None, patience: Patience, progress: bool) -> None:
    """Fetch `url` into the `.part`, and rename it when it is whole and right. Raises `_Failed`."""
    part = _part(path)
    try:
        with held(part.with_name(f"{part.name}.lock")), part.open("ab") as file, requests.Session() as session:
            session.headers.update(AGENT)
            try:
                _persist(session, url, path, file, sha256, patience, progress)
            except _Failed:
                if not _size(file):
                    part.unlink()
                    _notes(path).unlink(missing_ok=True)
                raise
            os.replace(part, path)
            _notes(path).unlink(missing_ok=True)
    except AtWork as other:  # two writers would interleave
        raise _Failed(
            f"another process is downloading to {part}: wait for it, then try again ({other})", final=True
        ) from None


def _persist(
    session: requests.Session,
    url: str,
    path: Path,
    file: BinaryIO,
    sha256: str | None,
    patience: Patience,
    progress: bool,
) -> None:
    """Attempts until the file is whole, or too many in a row have brought nothing new."""
    failures, furthest = 0, _size(file)
    while True:
        try:
            return _attempt(session, url, path, file, sha256, patience.timeout, progress)
        except _Failed as fault:
            failures = 1 if _size(file) > furthest else failures + 1
            furthest = max(furthest, _size(file))
            if fault.final or failures >= patience.attempts:
                raise
            wait = max(fault.wait, min(patience.backoff * 2 ** (failures - 1), LONGEST_BACKOFF))
            if wait > patience.longest_wait:
                raise _Failed(f"{fault}, and asks to come back in {wait:.0f} s") from fault
            log.warning("%s: %s; again in %.1f s", url, fault, wait)
            time.sleep(wait)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _attempt(
    session: requests.Session, url: str, path: Path, file: BinaryIO, sha256: str | None, timeout: float, progress: bool
) -> None:
    """One request for what is missing, and the check of the whole. Raises `_Failed`; the file then holds what can be used."""
    known = _read_notes(path) if _size(file) else {}
    headers = {"Accept-Encoding": "identity"}  # the file as it is: a .gz must not be unpacked on the way
    same = known.get("url") == url and known.get("validator")
    if _size(file) and (same or sha256):  # else nothing says that the rest belongs to the beginning
        headers["Range"] = f"bytes={_size(file)}-"
        if same:
            headers["If-Range"] = known["validator"]
    else:
        file.truncate(0)
    resumed = "Range" in headers
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout) as answer:
            total = _begin(answer, url, file, known, path)
            resumed = resumed and _size(file) > 0
            if answer.status_code != 416:
                _receive(answer, file, total, path.name, progress)
    except (requests.RequestException, HTTPError) as error:
        unusable = isinstance(error, ValueError | requests.TooManyRedirects)  # an address that is none
        raise _Failed(f"{type(error).__name__}: {error}", final=unusable) from error
    if total is not None and (got := _size(file)) != total:
        if got > total:
            file.truncate(0)
        raise _Failed(f"the body ended after {got} of {total} bytes")
    try:
        _check(_part(path), sha256)
    except _Failed as fault:
        file.truncate(0)
        # a file put together of two halves may be of two versions: from the beginning, then
        raise _Failed(str(fault), final=not resumed) from None


def _begin(answer: requests.Response, url: str, file: BinaryIO, known: dict, path: Path) -> int | None:
    """Read the answer's head, cut the file to where the body goes on, and note what is known. Bytes of the whole file, or None."""
    status, offset = answer.status_code, _size(file)
    if status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        total = int(found[2]) if found and found[2] != "*" else None
        changed = None not in (total, known.get("size")) and total != known["size"]
        if not found or int(found[1]) != offset or changed:
            file.truncate(0)
            raise _Failed("the file changed, or the answer is not the part asked for: from the beginning")
    elif status == 416:
        found = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
        total = int(found[1]) if found else None
        if total != offset:
            file.truncate(0)
            raise _Failed("the file is shorter than what was there of it: from the beginning")
    elif status == 200:
        file.truncate(0)
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
    elif status in BUSY:
        raise _Failed(f"the server answers {status} {answer.reason}", retry_after(answer))
    else:
        raise _Failed(f"the server answers {status} {answer.reason}", final=True)
    if total is not None and total - _size(file) > (free := shutil.disk_usage(path.parent).free):
        raise _Failed(f"{total / 1e6:.0f} MB do not fit: {free / 1e6:.0f} MB are free in {path.parent}", final=True)
    etag = answer.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified")  # a weak ETag promises no bytes
    write_json(_notes(path), {"url": url, "validator": validator, "size": total})
    return total


def _receive(answer: requests.Response, file: BinaryIO, total: int | None, name: str, progress: bool) -> None:
    disable = None if progress else True  # None: only on a terminal
    with tqdm(desc=name, total=total, initial=_size(file), unit="B", unit_scale=True, disable=disable) as bar:
        while data := answer.raw.read(BLOCK, decode_content=False):
            file.write(data)
            file.flush()
            bar.update(len(data))


def _read_notes(path: Path) -> dict:
    try:
        notes = json.loads(_notes(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
