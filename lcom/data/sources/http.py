"""What both kinds of download have in common: a file (download.py) and OPTIMADE's pages (optimade.py).

`requests` rather than urllib: it brings its own certificates, proxies from the environment and separate time-outs. What
failed is tried again as `urllib3.Retry` counts and waits; not inside of requests, as a body that was cut off goes on
where it stopped, and a page that is no page counts as a failure, too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin

import requests
from urllib3.exceptions import InvalidHeader, MaxRetryError
from urllib3.util.retry import Retry

from lcom import __version__

AGENT = {"User-Agent": f"lcom/{__version__} (crystal structure prediction)"}
BUSY = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}  # answers that may be better a little later
LONGEST_BACKOFF = 60.0  # s
log = logging.getLogger("lcom")
T = TypeVar("T")


class DownloadError(ValueError):
    """What was asked for could not be fetched; the message names the address, what was wrong there, and what to do."""


class Passing(Exception):
    """An attempt failed, and another may not. answer: what the server said, whose Retry-After counts."""

    def __init__(self, fault: str, answer: requests.Response | None = None) -> None:
        super().__init__(fault)
        self.retry_after = answer.headers.get("Retry-After") if answer is not None else None
        self.status = answer.status_code if answer is not None else 0


@dataclass(frozen=True, slots=True)
class Patience:
    """How a server is treated. attempts: in a row that bring nothing new · backoff: s, doubled after each failure but the
    first, after which it is asked again at once · longest_wait: s that a server may ask for (Retry-After) · timeout: s to
    connect, and s without a byte · interval: least s between requests (of pages)"""

    attempts: int = 6
    backoff: float = 1.0
    longest_wait: float = 300.0
    timeout: float = 30.0
    interval: float = 0.0

    def persist(
        self,
        attempt: Callable[[], T],
        address: str,
        progress: Callable[[], int] = lambda: 0,
        wait: Callable[[float], None] | None = None,
    ) -> T:
        """What ``attempt`` returns, which may raise `Passing` as often as is had patience with: that is raised then.

        progress: a number that has grown if the last attempt brought something: the count begins anew. wait: in place of
        sleeping, for one who waits before each attempt anyway.
        """
        unlimited = 2**40
        fresh = Retry(
            self.attempts - 1, backoff_factor=self.backoff, backoff_max=LONGEST_BACKOFF, retry_after_max=unlimited
        )
        retry, furthest = fresh, progress()
        while True:
            try:
                return attempt()
            except Passing as fault:
                if progress() > furthest:
                    retry, furthest = fresh, progress()
                try:
                    retry = retry.increment("GET", address, error=fault)
                except MaxRetryError:
                    raise fault from None
                seconds = max(_asked_for(retry, fault), retry.get_backoff_time())
                if seconds > self.longest_wait:
                    raise Passing(f"{fault}, and asks to wait {seconds:.0f} s") from fault
                log.warning("%s: %s; again in %.1f s", address, fault, seconds)
                if seconds:
                    (wait or time.sleep)(seconds)


def _asked_for(retry: Retry, fault: Passing) -> float:
    """Seconds that the server asks to wait, 0 if it does not: its header has a number, or a date."""
    try:
        return retry.parse_retry_after(fault.retry_after) if fault.retry_after else 0.0
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


class Session(requests.Session):
    """One that is never sent on from https to http, where anyone on the way could put in another file."""

    def __init__(self) -> None:
        super().__init__()
        self.headers.update(AGENT)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target and resp.url.lower().startswith("https:") and urljoin(resp.url, target).lower().startswith("http:"):
            raise DownloadError(f"{resp.url} sends us on to {target!r}, without encryption: refused")
        return target
