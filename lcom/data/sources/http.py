"""What both kinds of download have in common: a file (download.py) and OPTIMADE's pages (optimade.py).

`requests` rather than urllib: it brings its own certificates, proxies from the environment and separate time-outs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from lcom import __version__

AGENT = {"User-Agent": f"lcom/{__version__} (crystal structure prediction)"}
BUSY = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}  # answers that may be better a little later


class DownloadError(ValueError):
    """What was asked for could not be fetched; the message names the address, what was wrong there, and what to do."""


def retry_after(answer: requests.Response) -> float:
    """Seconds that the server asks to wait, 0 if it does not: its header has a number, or a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
