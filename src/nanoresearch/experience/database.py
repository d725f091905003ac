"""The file of skills and memories: opening, versions, transactions, and errors that a user can act on.

Tables `skills`, `memories`, `history` and `absorbed` hold what is known. All else (facets, index, tags) is derived from
it and can be made again. Knows rows, not rules: what is merged, retired or recalled is decided elsewhere.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from nanoresearch.errors import StoreError

Table = Literal["skills", "memories"]
TABLES: tuple[Table, ...] = ("skills", "memories")
VERSION = 2
_BUSY_S = 30.0
_HAS_FTS5 = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"

_RECORDS = """
CREATE TABLE skills(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE memories(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE history(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, time TEXT NOT NULL, event TEXT NOT NULL,
  run TEXT NOT NULL, project TEXT NOT NULL, note TEXT NOT NULL);
CREATE INDEX history_of ON history(id);
CREATE TABLE absorbed(
  run TEXT NOT NULL, stage TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY(run, stage)) WITHOUT ROWID;
"""
_DERIVED = """
CREATE TABLE {0}_facets(
  number INTEGER PRIMARY KEY, shelf TEXT NOT NULL, live INTEGER NOT NULL, same TEXT NOT NULL, lead TEXT NOT NULL,
  tags TEXT NOT NULL, conditions TEXT NOT NULL, updated REAL, expires REAL, uses INTEGER NOT NULL,
  confidence REAL NOT NULL);
CREATE INDEX {0}_shelf ON {0}_facets(shelf);
CREATE INDEX {0}_same ON {0}_facets(same) WHERE same <> '';
CREATE INDEX {0}_lead ON {0}_facets(lead) WHERE lead <> '';
CREATE TABLE {0}_tags(
  tag TEXT NOT NULL, shelf TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(tag, shelf, number)) WITHOUT ROWID;
CREATE INDEX {0}_tags_of ON {0}_tags(number);
CREATE VIRTUAL TABLE {0}_index USING fts5(words, tokenize = 'unicode61 remove_diacritics 0');
CREATE TABLE {0}_words(word TEXT PRIMARY KEY, entries INTEGER NOT NULL) WITHOUT ROWID;
"""
_RENAMED = "CREATE TABLE renamed(id TEXT PRIMARY KEY, now TEXT NOT NULL) WITHOUT ROWID;"

Derive = Callable[[sqlite3.Connection], None]
"""Fills the derived tables from the records."""


class Database:
    """One connection to the file, made when it is first needed. A file that is not there reads as empty."""

    def __init__(self, path: Path, derive: Derive) -> None:
        self.path = path
        self._derive = derive
        self._connection: sqlite3.Connection | None = None
        self._writing = False
        self._opened: tuple[int, int] | None = None

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises StoreError."""
        with self._told("read"):
            connection = self._open(create=False)
            return [] if connection is None else connection.execute(sql, values).fetchall()

    def read_records(self, table: Table, where: str = "", values: Sequence[Any] = ()) -> list[tuple[int, str, bytes]]:
        """Number, id and JSON of rows. On a damaged file, those that can still be read. Raises StoreError."""
        rows = f"SELECT number, id, CAST(record AS BLOB) FROM {table} "
        try:
            return self.read(rows + where, values)
        except StoreError as error:
            if not _damaged(error.__cause__):
                raise
        return [row for number in self._numbers(table) for row in self._salvage(rows, number, where, values)]

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other process can come between; inside another it is part of that one.

        Whatever is raised inside undoes all of it. Raises StoreError.
        """
        if self._writing and self._connection is not None:
            yield self._connection
            return
        with self._told("write"):
            connection = self._open(create=True)
            assert connection is not None
            connection.execute("BEGIN IMMEDIATE")
            self._writing = True
            try:
                self._version(connection)  # another process may have brought the file up to date since it was opened
                yield connection
                connection.execute("COMMIT")
            except BaseException:  # also on Ctrl-C: nothing of a broken-off change may stay
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._writing = False

    def scrub(self) -> None:
        """Empty the write-ahead log into the file, so that what was deleted is in neither."""
        with self._told("write"):
            connection = self._open(create=True)
            assert connection is not None
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is not None and not self._writing and self._identity() != self._opened:
            self.close()  # deleted or replaced meanwhile: what is written to the former file would be lost
        if self._connection is None:
            if not create and not self.path.exists():
                return None
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._connect()
            self._opened = self._identity()
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            try:
                found = self._version(connection)
                if found < VERSION or connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    self._prepare(connection)
            except sqlite3.OperationalError as error:
                if not _unwritable(error) or not self.path.exists():
                    raise
                connection.close()
                connection = self._connect_frozen()
            # What is deleted is overwritten; 64 MiB of cache keep retrieval in memory. The file is not mapped: a copy
            # that is restored over it while a run goes on would end that run with a bus error.
            for pragma in ("secure_delete = ON", "cache_size = -65536", "mmap_size = 0"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:  # also on Ctrl-C: no open file is left behind
            connection.close()
            raise
        return connection

    def _connect_frozen(self) -> sqlite3.Connection:
        """A connection that reads where nothing can be written, such as a read-only folder."""
        connection = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None
        )
        if self._version(connection) < VERSION:
            connection.close()
            raise StoreError(
                f"{self.path} is of an older version and cannot be brought up to date where nothing can be written. "
                "Make the folder writable, or copy the file to one that is."
            )
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found > VERSION:
            raise StoreError(
                f"{self.path} was written by a newer NanoResearch (version {found} of the file, this one knows "
                f"{VERSION}). It was left as it is: update NanoResearch, or name another home."
            )
        return found

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Bring the file to the present version, in one transaction; processes that start together take turns."""
        if not connection.execute(_HAS_FTS5).fetchone():
            raise StoreError(
                f"This Python's SQLite ({sqlite3.sqlite_version}) lacks FTS5, which the store {self.path} needs. "
                "Use a Python with a complete SQLite, such as the ones from python.org, conda or a distribution."
            )
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchall())
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = self._version(connection)
            if found < 1:
                if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise StoreError(f"{self.path} is a database of something else. Name another file or home.")
                _script(connection, _RECORDS)
            if found < 2:
                _script(connection, _RENAMED)
                for table in TABLES:
                    _script(connection, _DERIVED.format(table))
                self._derive(connection)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:  # also on Ctrl-C: the old version stays whole
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _numbers(self, table: Table) -> range:
        try:
            rows = self.read(f"SELECT max(number) FROM {table}")
        except StoreError:
            rows = self.read(f"SELECT max(number) FROM {table}_facets")
        return range(1, (rows[0][0] or 0) + 1 if rows else 1)

    def _salvage(self, rows: str, number: int, where: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        alone = f"{where} AND number = ?" if where else "WHERE number = ?"
        try:
            return self.read(rows + alone, (*values, number))
        except StoreError as error:
            if not _damaged(error.__cause__):
                raise
            return []

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(self._explain(error, doing)) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"Cannot {doing} {self.path}: a name or text is no valid Unicode: {error}.") from error
        except OSError as error:
            raise StoreError(
                f"Cannot {doing} {self.path}: {error.strerror or error}. Free space or fix permissions."
            ) from error

    def _explain(self, error: sqlite3.Error, doing: str) -> str:
        code = _code(error)
        if _damaged(error):
            return (
                f"{self.path} is damaged or no database of ours: {error}. It was left as it is. Restore a copy, or "
                "move it away to start anew; `sqlite3 FILE .recover` gets out what can still be read."
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return f"Another process has held {self.path} for {_BUSY_S:.0f} s. Wait for it, or end it and try again."
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return (
                f"Cannot {doing} {self.path}: {error}. Free space and try again; what was kept before is still there."
            )
        if _unwritable(error):
            return (
                f"Cannot {doing} {self.path}: {error}. Fix the permissions of it and its folder, or name another home."
            )
        return f"Cannot {doing} {self.path}: {error}."


def _script(connection: sqlite3.Connection, statements: str) -> None:
    """Run statements inside the present transaction, which executescript would end."""
    for statement in filter(str.strip, statements.split(";")):
        connection.execute(statement)


def _patiently(action: Callable[[], object]) -> None:
    """Try again while another process is in the way: SQLite does not wait by itself when it changes the journal."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _code(error: BaseException | None) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _damaged(error: BaseException | None) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _unwritable(error: BaseException | None) -> bool:
    return _code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
