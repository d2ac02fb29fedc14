"""The folder of a query's pages: every page as it came, and a manifest that says whether it still is."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from lcom.base.files import whole, write_text
from lcom.data.sources.optimade_server import Page

SKIPPED = "skipped"  # the key of a manifest's line, and of an entry, that the server could not give


@dataclass(frozen=True, slots=True)
class Folder:
    """NNNNNN.json.gz and manifest.jsonl; split.json in their place if other folders hold the pages."""

    path: Path

    def file(self, number: int) -> Path:
        return self.path / f"{number:06d}.json.gz"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.jsonl"

    def lines(self) -> list[dict]:
        """The lines of the manifest up to the first torn one."""
        lines: list[dict] = []
        for text in self.manifest.read_bytes().split(b"\n") if self.manifest.exists() else ():
            try:
                line = json.loads(text)
                if line["page"] != len(lines) + 1 or not {"url", "next", "entries", "sha256", "data_sha256"} <= set(
                    line
                ):
                    break
            except (ValueError, TypeError, KeyError):
                break
            lines.append({"data_returned": None, "data_available": None, **line})
        return lines

    def rewrite(self, lines: list[dict]) -> None:
        write_text(self.manifest, "".join(json.dumps(line) + "\n" for line in lines))

    def append(self, line: dict) -> None:
        with self.manifest.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def keep(self, number: int, url: str, page: Page) -> dict:
        """Write a page; its line of the manifest."""
        with whole(self.file(number)) as temporary:
            temporary.write_bytes(gzip.compress(page.body, compresslevel=6, mtime=0))
        digests = {"sha256": hashlib.sha256(page.body).hexdigest(), "data_sha256": page.data_sha256}
        said = {key: page.meta.get(key) for key in ("data_returned", "data_available")}
        line = {"page": number, "url": url, "next": page.next, "entries": len(page.data), **digests, **said}
        return {**line, "last_modified": page.last_modified}

    def keep_skipped(self, number: int, url: str, next: str | None, name: str, reason: str) -> dict:
        """Write a page with a mark in the place of an entry that the server cannot give; its line of the manifest."""
        data = [{"id": name, SKIPPED: reason}]
        page = Page(json.dumps({"data": data}).encode(), data, next, {}, None)
        return {**self.keep(number, url, page), "entries": 0, SKIPPED: name}

    def body(self, line: dict) -> bytes | None:
        """A kept page; None if it is torn, changed or missing."""
        try:
            body = gzip.decompress(self.file(line["page"]).read_bytes())
        except (OSError, EOFError, zlib.error):
            return None
        return body if hashlib.sha256(body).hexdigest() == line["sha256"] else None

    # ---- a query whose pages the server refuses beyond some offset

    @property
    def split(self) -> Path:
        return self.path / "split.json"

    def parts(self) -> list[str]:
        """The filters that are asked in place of the one of this folder; none if it holds its pages itself."""
        return json.loads(self.split.read_text(encoding="utf-8"))["filters"] if self.split.exists() else []
