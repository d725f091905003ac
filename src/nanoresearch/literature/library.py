"""The user's own library: entries of BibTeX files and the text of PDF files, searched by BM25.

Files are read and never changed; what they say is kept in a database of its own. Each file stands for itself there, and
a work that several files hold is put together when it is asked for, so that removing one file takes nothing else away.
"""

import hashlib
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from nanoresearch.errors import LiteratureError, UsageError
from nanoresearch.literature.clean import citation_key
from nanoresearch.literature.merge import completed, identities, same_work
from nanoresearch.literature.pdf import PdfProblem, PdfReader
from nanoresearch.literature.text import any_of
from nanoresearch.literature.works import SOURCE, Reading, flowing, pdf_paper, read_bibtex
from nanoresearch.schema.paper import Paper, ScoredPaper

COLUMN_WEIGHTS = (8.0, 3.0, 1.0, 0.5, 1.0)
"""BM25 weights of title, abstract, authors, venue, text."""
SUFFIXES = {".bib": "bibtex", ".bibtex": "bibtex", ".pdf": "pdf"}
VERSION = 1
_MOST_HITS = 1000
_BUSY_S = 30.0
_TABLES = """
CREATE TABLE files(
  path TEXT PRIMARY KEY, kind TEXT NOT NULL, sum TEXT NOT NULL, added TEXT NOT NULL, problems TEXT NOT NULL);
CREATE TABLE works(
  number INTEGER PRIMARY KEY, file TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL,
  text BLOB);
CREATE INDEX works_file ON works(file);
CREATE INDEX works_key ON works(key);
CREATE TABLE names(name TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(name, number)) WITHOUT ROWID;
CREATE INDEX names_number ON names(number);
CREATE VIRTUAL TABLE words USING fts5(
  title, abstract, authors, venue, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2');
"""


class Holding(NamedTuple):
    """A work and the files it is in."""

    paper: Paper
    files: tuple[str, ...]
    searchable: bool
    """Whether its text is there, and not its record only."""


class Added(NamedTuple):
    """What came of adding files."""

    works: int
    """Records taken in."""
    files: int
    """Files read."""
    unchanged: int
    """Files known already, not read again."""
    problems: tuple[str, ...]
    """Files and entries that could not be used, and why; also those of unchanged files."""


class Library:
    """The database of a library; its folder is made by the first addition."""

    name = SOURCE

    def __init__(self, folder: Path) -> None:
        self.path = folder / "library.db"

    def exists(self) -> bool:
        """Whether anything has ever been added."""
        return self.path.is_file()

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        """Works that share words with the query, by BM25. Raises LiteratureError, ValueError if limit is below 1."""
        return [ScoredPaper(paper=held.paper, score=score) for held, score in self.find(query, limit)]

    def find(self, query: str, limit: int) -> list[tuple[Holding, float]]:
        """Like `search`, with the files."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        expression = any_of(query)
        if expression is None or not self.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                "SELECT rowid, -bm25(words, ?, ?, ?, ?, ?) AS score FROM words WHERE words MATCH ? "
                "ORDER BY score DESC, rowid LIMIT ?",
                (*COLUMN_WEIGHTS, expression, min(4 * limit, _MOST_HITS)),
            ).fetchall()
            found: dict[str, tuple[Holding, float]] = {}
            for number, score in rows:
                held = _holding(database, number)
                found.setdefault(held.paper.key, (held, score))
                if len(found) >= limit:
                    break
        return list(found.values())

    def list(self) -> Iterator[Holding]:
        """Every work, in the order in which they came."""
        if not self.exists():
            return
        with self._open() as database:
            seen: set[str] = set()
            for (number,) in database.execute("SELECT number FROM works ORDER BY number").fetchall():
                held = _holding(database, number)
                if held.paper.key not in seen:
                    seen.add(held.paper.key)
                    yield held

    def text(self, key: str) -> str | None:
        """The text of a work's PDF, a paragraph a line, or None. Evidence quotes are verbatim in it."""
        if not self.exists():
            return None
        with self._open() as database:
            row = database.execute("SELECT number FROM works WHERE key = ? ORDER BY number LIMIT 1", (key,)).fetchone()
            for _, _, _, text in _rows_of(database, row[0]) if row else ():
                if text is not None:
                    return zlib.decompress(text).decode()
        return None

    def text_of(self, paper: Paper) -> str | None:
        """Like `text`, for a record from any source: the work is known by DOI, arXiv identifier or title."""
        if not self.exists():
            return None
        names = identities(paper)
        with self._open() as database:
            rows = database.execute(
                "SELECT works.record, works.text FROM names JOIN works USING (number) "
                f"WHERE names.name IN ({', '.join('?' * len(names))}) AND works.text IS NOT NULL ORDER BY number",
                names,
            ).fetchall()
            for record, text in rows:
                if same_work(Paper.model_validate_json(record), paper):
                    return zlib.decompress(text).decode()
        return None

    def counts(self) -> tuple[int, int]:
        """Works, as files have them, and files."""
        if not self.exists():
            return 0, 0
        with self._open() as database:
            (works,) = database.execute("SELECT count(*) FROM works").fetchone()
            (files,) = database.execute("SELECT count(*) FROM files").fetchone()
        return works, files

    def add(self, paths: Sequence[Path], tell: Callable[[int, Path], None] = lambda number, path: None) -> Added:
        """Take in files and all files below folders; `tell` hears the number and path of each.

        Every file is kept as soon as it is read: whoever breaks off and asks again goes on where it stopped. A file
        with the content that it had is not read again. Raises UsageError for a path that is not there, and
        LiteratureError when the database cannot be written.
        """
        missing = [str(path) for path in paths if not path.exists()]
        if missing:
            raise UsageError(f"There is no {', '.join(missing)}.")
        works = files = unchanged = 0
        problems: list[str] = []
        with self._open() as database, PdfReader() as reader:
            for number, path in enumerate(_files(paths), start=1):
                tell(number, path)
                shown = _shown(path)
                try:
                    digest = _digest(path)
                    known = database.execute("SELECT sum, problems FROM files WHERE path = ?", (shown,)).fetchone()
                    if known is not None and known[0] == digest:
                        unchanged += 1
                        problems += known[1].splitlines()
                        continue
                    found, text = _read(path, reader)
                except OSError as error:
                    problems.append(f"{shown} cannot be read: {error.strerror or error}")
                    continue
                told = [f"{shown} {problem}" for problem in found.problems]
                with database:
                    database.execute("BEGIN IMMEDIATE")  # what another process has just added must be seen
                    _forget_file(database, shown)
                    kept = (
                        shown,
                        _kind(path),
                        digest,
                        datetime.now(UTC).isoformat(timespec="seconds"),
                        "\n".join(told),
                    )
                    database.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?)", kept)
                    for paper in found.papers:
                        _insert(database, shown, _kind(path), paper, text)
                files, works, problems = files + 1, works + len(found.papers), problems + told
        return Added(works, files, unchanged, tuple(problems))

    def remove(self, name: str) -> tuple[int, int]:
        """Forget a work by its key, or a file, or all files below a folder. Gives works and files forgotten.

        Raises UsageError when there is no such thing. The files themselves stay.
        """
        if not self.exists():
            raise UsageError("The library is empty.")
        place = _shown(Path(name).absolute())
        with self._open() as database, database:
            files = [
                path
                for (path,) in database.execute("SELECT path FROM files ORDER BY path")
                if path == place or path.startswith(place.rstrip("/") + "/")
            ]
            if files:
                return sum(_forget_file(database, path) for path in files), len(files)
            row = database.execute("SELECT number FROM works WHERE key = ? ORDER BY number LIMIT 1", (name,)).fetchone()
            if row is None:
                raise UsageError(f"The library has no work and no file {name!r}. See: nanoresearch library list")
            numbers = [number for number, *_ in _rows_of(database, row[0])]
            for number in numbers:
                _delete(database, number)
            return 1, 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=_BUSY_S)
            found = database.execute("PRAGMA user_version").fetchone()[0]
            if found > VERSION:
                raise LiteratureError(f"{self.path} was written by a newer NanoResearch: update, or name another home")
            if found < VERSION:
                _prepare(database)
            database.execute("PRAGMA synchronous = NORMAL")
            yield database
        except (sqlite3.Error, zlib.error) as error:
            raise LiteratureError(
                f"The library {self.path} cannot be used: {error}. "
                "If it is damaged, move it away and add the files again."
            ) from error
        except OSError as error:
            raise LiteratureError(f"The library {self.path} cannot be written: {error.strerror or error}") from error
        finally:
            if database is not None:
                database.close()


def _prepare(database: sqlite3.Connection) -> None:
    """Make the tables, unless another process was quicker."""
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:  # SQLite does not wait by itself when it changes the journal
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
    with database:
        database.execute("BEGIN IMMEDIATE")
        if database.execute("PRAGMA user_version").fetchone()[0] == 0:
            if database.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise sqlite3.DatabaseError("it is a database of something else")
            for statement in filter(str.strip, _TABLES.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """BibTeX and PDF files, each folder in order, without hidden ones."""
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path.absolute()):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    file = Path(folder, name)
                    if not name.startswith(".") and file.suffix.lower() in SUFFIXES and file.is_file():
                        yield file
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield path.absolute()
        else:
            raise UsageError(f"{path} is neither a folder nor a BibTeX or PDF file.")


def _read(path: Path, reader: PdfReader) -> tuple[Reading, str | None]:
    """Records of a file and, of a PDF, its text. Raises OSError."""
    if _kind(path) == "bibtex":
        return read_bibtex(path), None
    try:
        pdf = reader.read(path)
    except PdfProblem as problem:
        return Reading((), (str(problem),)), None
    cut = pdf.pages_read < pdf.pages
    told = f"has {pdf.pages} pages; only the first {pdf.pages_read} are searched"
    return Reading((pdf_paper(pdf, path),), (told,) if cut else ()), flowing(pdf.text)


def _kind(path: Path) -> str:
    return SUFFIXES[path.suffix.lower()]


def _shown(path: Path) -> str:
    """A path as text; names that are no valid Unicode are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _insert(database: sqlite3.Connection, file: str, kind: str, paper: Paper, text: str | None) -> None:
    others = database.execute("SELECT record FROM works WHERE key = ?", (paper.key,)).fetchall()
    if any(not same_work(Paper.model_validate_json(record), paper) for (record,) in others):
        paper = paper.model_copy(update={"key": citation_key(paper.title, paper.authors, paper.year)})
    packed = None if text is None else zlib.compress(text.encode("utf-8", "replace"), 6)
    cursor = database.execute(
        "INSERT INTO works(file, kind, key, record, text) VALUES (?, ?, ?, ?, ?)",
        (file, kind, paper.key, paper.model_dump_json(), packed),
    )
    number = cursor.lastrowid
    database.execute(
        "INSERT INTO words(rowid, title, abstract, authors, venue, text) VALUES (?, ?, ?, ?, ?, ?)",
        (number, *_columns(paper, text)),
    )
    database.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", ((name, number) for name in identities(paper)))


def _columns(paper: Paper, text: str | None) -> tuple[str, str, str, str, str]:
    return paper.title, paper.abstract or "", " ".join(paper.authors), paper.venue or "", text or ""


def _forget_file(database: sqlite3.Connection, file: str) -> int:
    numbers = [number for (number,) in database.execute("SELECT number FROM works WHERE file = ?", (file,))]
    for number in numbers:
        _delete(database, number)
    database.execute("DELETE FROM files WHERE path = ?", (file,))
    return len(numbers)


def _delete(database: sqlite3.Connection, number: int) -> None:
    record, packed = database.execute("SELECT record, text FROM works WHERE number = ?", (number,)).fetchone()
    text = None if packed is None else zlib.decompress(packed).decode()
    database.execute(  # an index without content is told what to forget
        "INSERT INTO words(words, rowid, title, abstract, authors, venue, text) VALUES ('delete', ?, ?, ?, ?, ?, ?)",
        (number, *_columns(Paper.model_validate_json(record), text)),
    )
    database.execute("DELETE FROM names WHERE number = ?", (number,))
    database.execute("DELETE FROM works WHERE number = ?", (number,))


def _rows_of(database: sqlite3.Connection, number: int) -> list[tuple[int, str, Paper, bytes | None]]:
    """Number, file, record and text of every row of the work, BibTeX first: people wrote it."""
    rows = database.execute(
        "SELECT number, file, record, text FROM works WHERE number IN "
        "(SELECT other.number FROM names JOIN names AS other USING (name) WHERE names.number = ?) "
        "ORDER BY kind = 'pdf', number",
        (number,),
    ).fetchall()
    papers = [(n, file, Paper.model_validate_json(record), text) for n, file, record, text in rows]
    asked = next(paper for n, _, paper, _ in papers if n == number)
    return [row for row in papers if row[0] == number or same_work(asked, row[2])]


def _holding(database: sqlite3.Connection, number: int) -> Holding:
    rows = _rows_of(database, number)
    paper = rows[0][2]
    for _, _, later, _ in rows[1:]:
        paper = completed(paper, later)
    searchable = any(text is not None for *_, text in rows)
    return Holding(paper, tuple(dict.fromkeys(file for _, file, _, _ in rows)), searchable)
