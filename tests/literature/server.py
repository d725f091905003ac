"""A literature server on this machine that answers as a test tells it to, in the shapes of the three services.

The records are made up; the shapes follow the services' documentation.
"""

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Answer:
    """One answer of a server."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    pause: threading.Event | None = None


@dataclass
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class LoopbackServer:
    """Counts what it is asked. `script` holds answers given first; then `page` answers by offset and size."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Answer] = []
        self.respond: Callable[[Request], Answer] = lambda request: Answer(status=404)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                request = Request(parts.path, query, dict(self.headers.items()))
                outer.requests.append(request)
                answer = outer.script.pop(0) if outer.script else outer.respond(request)
                if answer.pause is not None:
                    answer.pause.wait(20)
                if answer.hang_up:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the client has heard enough
                    self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def work(number: int, **fields: Any) -> dict[str, Any]:
    """A made-up work in our own words, before it is put into a service's shape."""
    return {
        "title": f"Pruned lattices for sparse signals, part {number}",
        "authors": ["Ada Quill", "Bo Ünal"],
        "year": 2019,
        "venue": "Journal of Invented Results",
        "doi": f"10.5555/made.up.{number}",
        "abstract": f"We prune lattice {number} and keep the signal.",
        **fields,
    }


class OpenAlexShape:
    """/works?search=...&per-page=...&cursor=..."""

    name = "openalex"
    path = ""

    @staticmethod
    def size_and_start(query: dict[str, str]) -> tuple[int, int]:
        cursor = query.get("cursor", "*")
        return int(query["per-page"]), 0 if cursor == "*" else int(cursor)

    @staticmethod
    def item(w: dict[str, Any]) -> Any:
        index: dict[str, list[int]] | None = None
        if w["abstract"] is not None:
            index = {}
            for place, word in enumerate(w["abstract"].split()):
                index.setdefault(word, []).append(place)
        return {
            "id": "https://openalex.org/W1",
            "doi": w["doi"] and f"https://doi.org/{w['doi']}",
            "title": w["title"],
            "publication_year": w["year"],
            "authorships": None
            if w["authors"] is None
            else [{"author_position": "first", "author": {"id": "A1", "display_name": n}} for n in w["authors"]],
            "primary_location": {"source": {"display_name": w["venue"]}, "landing_page_url": "https://example.org/w"},
            "primary_topic": None,
            "abstract_inverted_index": index,
            "is_retracted": w.get("withdrawn", False),
        }

    @staticmethod
    def page(items: list[Any], start: int, total: int) -> bytes:
        after = start + len(items)
        cursor = str(after) if items and after < total else None
        return json.dumps({"meta": {"count": total, "next_cursor": cursor}, "results": items}).encode()


class SemanticScholarShape:
    """/graph/v1/paper/search?query=...&offset=...&limit=..."""

    name = "semantic_scholar"
    path = "/graph/v1"

    @staticmethod
    def size_and_start(query: dict[str, str]) -> tuple[int, int]:
        return int(query["limit"]), int(query["offset"])

    @staticmethod
    def item(w: dict[str, Any]) -> Any:
        return {
            "paperId": "00",
            "title": w["title"],
            "abstract": w["abstract"],
            "year": w["year"],
            "venue": w["venue"],
            "externalIds": w["doi"] and {"DOI": w["doi"]},
            "authors": None if w["authors"] is None else [{"authorId": "1", "name": n} for n in w["authors"]],
            "url": "https://example.org/w",
            "fieldsOfStudy": None,
        }

    @staticmethod
    def page(items: list[Any], start: int, total: int) -> bytes:
        content: dict[str, Any] = {"total": total, "offset": start}
        if items:
            content["data"] = items
        if items and start + len(items) < total:
            content["next"] = start + len(items)
        return json.dumps(content).encode()


class ArxivShape:
    """/api/query?search_query=...&start=...&max_results=..., an Atom feed"""

    name = "arxiv"
    path = "/api/query"

    @staticmethod
    def size_and_start(query: dict[str, str]) -> tuple[int, int]:
        return int(query["max_results"]), int(query["start"])

    @staticmethod
    def item(w: dict[str, Any]) -> Any:
        people = "".join(f"<author><name>{escape(name)}</name></author>" for name in w["authors"] or ())
        doi = f"<arxiv:doi>{escape(w['doi'])}</arxiv:doi>" if w["doi"] else ""
        withdrawn = "<arxiv:comment>This paper has been withdrawn by the author</arxiv:comment>"
        venue = f"<arxiv:journal_ref>{escape(w['venue'])}</arxiv:journal_ref>" if w["venue"] else ""
        year = w["year"] or 2019  # the service dates every entry
        return (
            f"<entry><id>http://arxiv.org/abs/{w.get('arxiv', '1901.00001v2')}</id>"
            f"<published>{year}-03-01T00:00:00Z</published><updated>{year}-04-01T00:00:00Z</updated>"
            f"<title>{escape(w['title'] or '')}</title><summary>{escape(w['abstract'] or '')}</summary>"
            f"{people}{doi}{venue}"
            f"{withdrawn if w.get('withdrawn') else ''}</entry>"
        )

    @staticmethod
    def page(items: list[Any], start: int, total: int) -> bytes:
        return (
            '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
            'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
            f"<opensearch:totalResults>{total}</opensearch:totalResults>{''.join(items)}</feed>"
        ).encode()


SHAPES: dict[str, Any] = {shape.name: shape for shape in (OpenAlexShape, ArxivShape, SemanticScholarShape)}


def serving(name: str, works: list[dict[str, Any]], total: int | None = None) -> Callable[[Request], Answer]:
    """Answers pages of the works; `total` is what the service claims to have."""
    shape = SHAPES[name]

    def respond(request: Request) -> Answer:
        size, start = shape.size_and_start(request.query)
        items = [shape.item(w) for w in works[start : start + size]]
        return Answer(shape.page(items, start, len(works) if total is None else total))

    return respond
