"""Answers of literature servers, kept on disk so that no question is asked twice within some weeks.

A cache may be lost at any time: a damaged entry is dropped, a damaged file is started anew, and where nothing can be
written nothing is kept. It holds what was asked and what came back, never who asked: no key and no address of a user.
"""

import contextlib
import hashlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

_BUSY_S = 5.0
_USED_WITHIN_S = 600.0
"""A use is noted once in so long: reading need not write each time."""
_TABLE = """
CREATE TABLE IF NOT EXISTS answers(
  key TEXT PRIMARY KEY, body BLOB NOT NULL, sum TEXT NOT NULL, size INTEGER NOT NULL, fetched REAL NOT NULL,
  used REAL NOT NULL) WITHOUT ROWID
"""
MOST_BYTES = 16_000_000
"""Of one answer, unpacked: what a damaged or forged entry may unfold to."""


class ResponseCache:
    """Bodies by key, for `days` and up to `most_mb`; the least recently used go first."""

    def __init__(
        self, path: Path, days: float = 30.0, most_mb: float = 200.0, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._life_s = days * 86400
        self._most_bytes = int(most_mb * 1e6)
        self._clock = clock

    def get(self, key: str) -> bytes | None:
        """What was kept under the key, unless it is too old or damaged."""
        with self._open() as database:
            if database is None:
                return None
            row = database.execute("SELECT body, sum, fetched, used FROM answers WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            packed, checksum, fetched, used = row
            body = _unpack(packed, checksum)
            now = self._clock()
            if body is None or not 0 <= now - fetched < self._life_s:
                database.execute("DELETE FROM answers WHERE key = ?", (key,))
                return None
            if now - used > _USED_WITHIN_S:
                database.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
            return body
        return None

    def put(self, key: str, body: bytes) -> None:
        """Keep a body, and make room for it."""
        packed = zlib.compress(body, 6)
        if self._life_s <= 0 or len(packed) > self._most_bytes or len(body) > MOST_BYTES:
            return
        now = self._clock()
        with self._open() as database:
            if database is None:
                return
            database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (key, packed, _sum(packed), len(packed), now, now),
            )
            database.execute("DELETE FROM answers WHERE fetched < ?", (now - self._life_s,))
            excess = database.execute("SELECT total(size) FROM answers").fetchone()[0] - self._most_bytes
            if excess > 0:
                self._evict(database, excess)

    def _evict(self, database: sqlite3.Connection, excess: float) -> None:
        gone = []
        for key, size in database.execute("SELECT key, size FROM answers ORDER BY used, key"):
            gone.append((key,))
            excess -= size
            if excess <= 0:
                break
        database.executemany("DELETE FROM answers WHERE key = ?", gone)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """A connection in a transaction; None where there can be none. What goes wrong inside is forgotten."""
        database = self._connect()
        try:
            if database is None:
                yield None
                return
            with contextlib.suppress(sqlite3.OperationalError), database:  # busy, full or read-only: not kept
                yield database
        except sqlite3.DatabaseError:
            self._discard()
        finally:
            if database is not None:
                database.close()

    def _connect(self) -> sqlite3.Connection | None:
        for _ in range(2):
            database = None
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                database = sqlite3.connect(self.path, timeout=_BUSY_S)
                database.execute("PRAGMA synchronous = OFF")  # a power cut costs the cache, which may be lost
                database.execute("PRAGMA journal_mode = MEMORY")
                if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone():
                    database.execute("PRAGMA auto_vacuum = FULL")
                    database.execute(_TABLE)
                return database
            except sqlite3.OperationalError:
                if database is not None:
                    database.close()
                return None
            except sqlite3.DatabaseError:
                if database is not None:
                    database.close()
                self._discard()
            except OSError:
                return None
        return None

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _sum(packed: bytes) -> str:
    return hashlib.sha256(packed).hexdigest()


def _unpack(packed: object, checksum: object) -> bytes | None:
    if not isinstance(packed, bytes) or _sum(packed) != checksum:
        return None
    try:
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(packed, MOST_BYTES)
    except zlib.error:
        return None
    return body if unpacker.eof else None
