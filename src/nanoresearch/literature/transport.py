"""How literature servers are asked: politely, within a deadline, and through the cache.

One adapter serves every client library, so that each keeps its own way of building queries and reading answers while
pace, retries, bounds and keys are decided here. A key is added to a request as it leaves and stands nowhere else.
"""

import email.utils
import hashlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.models import PreparedRequest, Response

from nanoresearch import __version__
from nanoresearch.errors import LiteratureError
from nanoresearch.literature.cache import MOST_BYTES, ResponseCache

TRIES = 4
TRIES_UNANSWERED = 2
"""In a row; a server that is not there seldom comes back within a search."""
CONNECT_S = 5.0
MOST_REDIRECTS = 5
_PASSING = frozenset((429, 500, 502, 503, 504))
"""Answers after which the same question is worth asking again."""
_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_DOWN_S = 300.0
"""A source that gave out is not asked again for so long: one dead server costs a run one deadline, not one a query."""

Check = Callable[[bytes], int]
"""Number of records in an answer; raises ValueError when it is no such answer."""


@dataclass(frozen=True)
class Manners:
    """How one source wants to be asked."""

    name: str
    base_url: str
    """Where it is."""
    official_url: str
    """What its client library asks for instead, replaced by the base."""
    interval_s: float
    """Between two requests."""
    timeout_s: float = 10.0
    """For a connection, and between two parts of an answer."""
    deadline_s: float = 30.0
    """For one search with all its pages, waits and retries."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent to the base only."""
    key_variable: str | None = None
    """Environment variable that holds a key, to be named when the server refuses."""


class PoliteAdapter(BaseAdapter):
    """Sends requests of one source. Raises LiteratureError for whatever goes wrong, in words without a secret."""

    def __init__(
        self,
        manners: Manners,
        check: Check,
        cache: ResponseCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._manners = manners
        self._check = check
        self._cache = cache
        self._clock = clock
        self._sleep = sleep
        self._inner = HTTPAdapter(max_retries=0)
        self._deadline = 0.0
        self._next = 0.0
        self._down: tuple[float, str] | None = None

    def begin(self) -> None:
        """A search begins: its time runs from now."""
        self._deadline = self._clock() + self._manners.deadline_s

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """The answer to a request, from the cache or the server."""
        asked = self._placed(request)
        key = _cache_key(self._manners.name, asked.url or "")
        body = self._cache.get(key) if self._cache else None
        if body is not None and self._records(body) is None:
            body = None
        if body is None:
            body = self._fetch(asked, {"verify": verify, "cert": cert, "proxies": proxies})
            records = self._records(body)
            if records is None:
                raise self._gave_out("it answered with something that is no list of works")
            if self._cache and records:  # that there is nothing is worth asking again
                self._cache.put(key, body)
        return _response(request, body)

    def close(self) -> None:
        """End all connections."""
        self._inner.close()

    def _placed(self, request: PreparedRequest) -> PreparedRequest:
        """The request as it leaves: to the base, as us, and with the key."""
        manners = self._manners
        asked = request.copy()
        url = asked.url or ""
        if url.startswith(manners.official_url):
            url = manners.base_url + url.removeprefix(manners.official_url)
        if not _same_server(url, manners.base_url):
            raise LiteratureError(f"{manners.name}: a request to another server than {_place(manners.base_url)}")
        asked.url = url
        for name in ("Authorization", "From", "Cookie"):
            asked.headers.pop(name, None)
        asked.headers.update({"User-Agent": f"nanoresearch/{__version__}", **manners.headers})
        return asked

    def _records(self, body: bytes) -> int | None:
        try:
            return self._check(body)
        except (ValueError, RecursionError):  # the latter for brackets nested without end
            return None

    def _fetch(self, request: PreparedRequest, how: dict[str, Any]) -> bytes:
        if self._down is not None and self._clock() < self._down[0]:
            raise LiteratureError(f"{self._down[1]} (not asked again yet)")
        wait_s, unanswered, problem = 0.0, 0, "no time was left"
        for attempt in range(TRIES):
            pause = max(wait_s, self._next - self._clock(), 0.0)
            if self._clock() + pause >= self._deadline:
                break
            if pause:
                self._sleep(pause)
            self._next = self._clock() + self._manners.interval_s
            try:
                answer = self._follow(request, how)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                problem, wait_s = _trouble(error), self._backoff(attempt)
                unanswered += 1
                if unanswered >= TRIES_UNANSWERED:
                    break
                continue
            unanswered = 0
            if isinstance(answer, bytes):
                return answer
            status, asked_for = answer
            problem = f"it answered with HTTP {status}"
            if status not in _PASSING:
                raise self._refused(status)
            wait_s = self._backoff(attempt) if asked_for is None else asked_for
            if asked_for is not None and self._clock() + asked_for >= self._deadline:
                raise self._gave_out(f"{problem} and asks for a pause of {asked_for:.0f} s", asked_for)
        raise self._gave_out(problem)

    def _follow(self, request: PreparedRequest, how: dict[str, Any]) -> bytes | tuple[int, float | None]:
        """A body, or a status and the pause that goes with it. Redirects are followed on the same server only."""
        request = request.copy()
        for _ in range(MOST_REDIRECTS + 1):
            left = max(self._deadline - self._clock(), 0.1)
            seconds = min(self._manners.timeout_s, left)
            response = self._inner.send(request, stream=True, timeout=(min(CONNECT_S, seconds), seconds), **how)
            try:
                if response.is_redirect:
                    target = urljoin(request.url or "", response.headers["location"])
                    if not _same_server(target, request.url or ""):
                        raise self._gave_out("it sends us on to another server")
                    request.url = target
                    continue
                if response.status_code != 200:
                    return response.status_code, _retry_after(response.headers.get("Retry-After"))
                return self._body(response)
            finally:
                response.close()
        raise self._gave_out("it sends us round in circles")

    def _body(self, response: Response) -> bytes:
        body = bytearray()
        while part := response.raw.read1(65536, decode_content=True):
            body += part
            if len(body) > MOST_BYTES:
                raise self._gave_out(f"its answer is larger than {MOST_BYTES // 1_000_000} MB")
            if self._clock() >= self._deadline:
                raise requests.Timeout
        expected = response.headers.get("Content-Length", "")
        if expected.isdigit() and response.raw.tell() < int(expected):
            raise requests.ConnectionError("cut off")
        return bytes(body)

    def _backoff(self, attempt: int) -> float:
        return float(min(_LONGEST_WAIT_S, _WAIT_S * 2**attempt) * random.uniform(0.5, 1.0))

    def _refused(self, status: int) -> LiteratureError:
        variable = self._manners.key_variable
        if status in (401, 403) and variable:
            return self._gave_out(f"it refused us (HTTP {status}); check the key in {variable}")
        if status == 404:
            return self._gave_out("there is nothing at this address (HTTP 404); check literature.*_url")
        return LiteratureError(f"{self._where()}: it answered with HTTP {status}")

    def _gave_out(self, problem: str, pause_s: float = 0.0) -> LiteratureError:
        message = f"{self._where()}: {problem}"
        self._down = (self._clock() + max(_DOWN_S, pause_s), message)
        return LiteratureError(message)

    def _where(self) -> str:
        return _place(self._manners.base_url)


def polite_session(adapter: PoliteAdapter) -> requests.Session:
    """A session whose every request goes through the adapter."""
    session = requests.Session()
    session.adapters.clear()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _place(url: str) -> str:
    """Scheme, server and path of a URL: what may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _same_server(first: str, second: str) -> bool:
    """Whether two URLs name the same server; from http to https on it is allowed, the way back is not."""
    one, two = urlsplit(first), urlsplit(second)
    ports = {"http": 80, "https": 443}
    if one.scheme not in ports or one.hostname != two.hostname or "@" in one.netloc:
        return False
    if one.scheme == two.scheme:
        return (one.port or ports[one.scheme]) == (two.port or ports[two.scheme])
    return one.scheme == "https" and one.port in (None, 443) and two.port in (None, 80)


def _cache_key(source: str, url: str) -> str:
    parts = urlsplit(url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return hashlib.sha256(f"{source}\n{_place(url)}\n{query}".encode()).hexdigest()


def _retry_after(value: str | None) -> float | None:
    """Seconds that a server asks for, given as such or as a date."""
    if not value:
        return None
    try:
        return max(0.0, float(int(value)))
    except (ValueError, OverflowError):
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _trouble(error: Exception) -> str:
    """What went wrong, by kind: the words of the error itself can hold what was sent."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
        return "it did not answer in time"
    if isinstance(error, ValueError) and not isinstance(
        error, (requests.RequestException, urllib3.exceptions.HTTPError)
    ):
        return "the key or e-mail address in the environment holds characters that cannot be sent"
    return "it cannot be reached"


def _response(request: PreparedRequest, body: bytes) -> Response:
    response = Response()
    response.status_code = 200
    response._content = body
    response.encoding = "utf-8"
    response.request = request
    response.url = request.url or ""
    return response
