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
from lcom.data.sources.http import BUSY, DownloadError, Passing, Patience, Session

log = logging.getLogger(__name__)

PATIENCE = Patience()
BLOCK = 1 << 16  # bytes written at a time: what a kill can lose
RESERVE = 100_000_000  # bytes of the disk that a body of unknown length may not take
ADVICE = "Give a mirror's URL or the path of a local copy instead"


class _Final(Exception):
    """An attempt failed, and trying the address again is of no use."""


def sha256_of(path: str | os.PathLike) -> str:
    """The sha256 of a file, in hexadecimal, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    url: str | Path | Sequence[str | Path],
    path: str | os.PathLike,
    sha256: str | None = None,
    *,
    magic: Sequence[bytes] = (b"",),
    patience: Patience = PATIENCE,
    progress: bool = True,
    advice: str = ADVICE,
) -> Path:
    """The file at `url`, an http(s) or file URL or a local path, or the first of several that works, as `path`.

    magic: what the file may begin with; a network's log-in page does not. A `path` that is there, begins so and has the
    sha256 (if one is given) is left as it is. Raises `DownloadError`, which ends in `advice`: the caller knows the key of
    the config that holds the address.
    """
    path, wanted = Path(path), _Wanted(sha256.lower() if sha256 else None, tuple(magic))
    urls = [url] if isinstance(url, str | Path) else list(url)
    if not urls:
        raise DownloadError(f"there is no address to fetch {path.name} from. {advice}")
    if path.exists():
        fault = wanted.fault(path)
        if fault is None:
            return path
        log.warning("%s: %s: fetched again", path, fault)
    path.parent.mkdir(parents=True, exist_ok=True)
    faults = []
    for address in urls:
        try:
            local = _local(address)
            if local is not None:
                _copy(local, path, wanted)
            else:
                _download(str(address), path, wanted, patience, progress)
            return path
        except (_Final, Passing, DownloadError) as fault:
            faults.append(f"{address}: {fault}")
            log.warning("%s", faults[-1])
    kept = f" What came is in {_part(path)}: the next run goes on from there." if _part(path).exists() else ""
    raise DownloadError(f"{path.name} could not be fetched ({'; '.join(faults)}).{kept} {advice}")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a file must be."""

    sha256: str | None
    magic: tuple[bytes, ...]

    def fault(self, file: Path) -> str | None:
        """Why the file is another, None if it is not."""
        with file.open("rb") as opened:
            beginning = opened.read(max(60, *map(len, self.magic)))
        if not beginning.startswith(self.magic):
            page = " (a web page, perhaps your network's log-in)" if b"<" in beginning[:20] else ""
            return f"it is no file of this kind, it begins with {beginning.decode(errors='replace')[:60]!r}{page}"
        if self.sha256 is not None and (found := sha256_of(file)) != self.sha256:
            return f"the sha256 of the file is {found}, {self.sha256} is expected"
        return None


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
    raise _Final("only http://, https://, file:// and local paths can be fetched")


def _copy(source: Path, path: Path, wanted: _Wanted) -> None:
    if not source.is_file():
        raise _Final("there is no such file")
    if fault := wanted.fault(source):
        raise _Final(fault)
    with whole(path) as temporary:
        shutil.copyfile(source, temporary)


def _download(url: str, path: Path, wanted: _Wanted, patience: Patience, progress: bool) -> None:
    """Fetch `url` into the `.part`, and rename it when it is whole and right. Raises `_Final` or `Passing`."""
    part, seen = _part(path), set()
    try:
        with held(part.with_name(f"{part.name}.lock")), part.open("ab") as file, Session() as session:
            try:
                patience.persist(
                    lambda: _attempt(session, url, path, file, wanted, seen, patience.timeout, progress),
                    url,
                    progress=lambda: _size(file),
                )
            except (_Final, Passing, DownloadError):
                if not _size(file):
                    part.unlink()
                    _notes(path).unlink(missing_ok=True)
                raise
            os.replace(part, path)
            _notes(path).unlink(missing_ok=True)
    except AtWork as other:  # two writers would interleave
        raise _Final(f"another process is downloading to {part}: wait for it, then try again ({other})") from None


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _attempt(
    session: Session,
    url: str,
    path: Path,
    file: BinaryIO,
    wanted: _Wanted,
    seen: set[str],
    timeout: float,
    progress: bool,
) -> None:
    """One request for what is missing, and the check of the whole; the file then holds what can be used.

    seen: what was wrong with whole files before. The same again is final, else halves of two versions may have been put
    together, or bits have been lost on the way.
    """
    known = _read_notes(path) if _size(file) else {}
    headers = {"Accept-Encoding": "identity"}  # the file as it is: a .gz must not be unpacked on the way
    same = known.get("url") == url and known.get("validator")
    if _size(file) and (same or wanted.sha256):  # else nothing says that the rest belongs to the beginning
        headers["Range"] = f"bytes={_size(file)}-"
        if same:
            headers["If-Range"] = known["validator"]
    else:
        file.truncate(0)
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout) as answer:
            total = _begin(answer, url, file, known, path)
            if answer.status_code != 416:
                _receive(answer, file, total, path, progress)
    except (requests.RequestException, HTTPError) as error:
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, ValueError | requests.TooManyRedirects):  # an address that is none
            raise _Final(said) from error
        raise Passing(said) from error
    if total is not None and (got := _size(file)) != total:
        if got > total:
            file.truncate(0)
        raise Passing(f"the body ended after {got} of {total} bytes")
    if fault := wanted.fault(_part(path)):
        file.truncate(0)
        if fault in seen:
            raise _Final(f"{fault}, twice")
        seen.add(fault)
        raise Passing(fault)


def _begin(answer: requests.Response, url: str, file: BinaryIO, known: dict, path: Path) -> int | None:
    """Read the answer's head, cut the file to where the body goes on, and note what is known. Bytes of the whole file, or None."""
    status, offset = answer.status_code, _size(file)
    if status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        total = int(found[2]) if found and found[2] != "*" else None
        changed = None not in (total, known.get("size")) and total != known["size"]
        if not found or int(found[1]) != offset or changed:
            file.truncate(0)
            raise Passing("the file changed, or the answer is not the part asked for: from the beginning")
    elif status == 416:
        found = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
        total = int(found[1]) if found else None
        if total != offset:
            file.truncate(0)
            raise Passing("the file is shorter than what was there of it: from the beginning")
    elif status == 200:
        file.truncate(0)
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
    elif status in BUSY:
        raise Passing(f"the server answers {status} {answer.reason}", answer)
    else:
        raise _Final(f"the server answers {status} {answer.reason}")
    if total is not None and total - _size(file) > (free := shutil.disk_usage(path.parent).free):
        raise _Final(f"{total / 1e6:.0f} MB do not fit: {free / 1e6:.0f} MB are free in {path.parent}")
    etag = answer.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified")  # a weak ETag promises no bytes
    write_json(_notes(path), {"url": url, "validator": validator, "size": total})
    return total


def _receive(answer: requests.Response, file: BinaryIO, total: int | None, path: Path, progress: bool) -> None:
    disable = None if progress else True  # None: only on a terminal
    room = shutil.disk_usage(path.parent).free - (RESERVE if total is None else 0)
    with tqdm(desc=path.name, total=total, initial=_size(file), unit="B", unit_scale=True, disable=disable) as bar:
        while data := answer.raw.read(BLOCK, decode_content=False):
            room -= len(data)
            if room < 0:
                file.truncate(0)
                raise _Final(f"more came than fits into {path.parent}, and no end of it was announced")
            file.write(data)
            file.flush()
            bar.update(len(data))


def _read_notes(path: Path) -> dict:
    try:
        notes = json.loads(_notes(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
