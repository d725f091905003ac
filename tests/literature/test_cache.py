import os

import pytest

from nanoresearch.literature.cache import ResponseCache


def test_kept_until_too_old(tmp_path):
    now = [1000.0]
    cache = ResponseCache(tmp_path / "c" / "x.db", days=1, clock=lambda: now[0])
    assert cache.get("k") is None
    cache.put("k", b"body")
    assert cache.get("k") == b"body"
    now[0] += 86399
    assert cache.get("k") == b"body"
    now[0] += 1
    assert cache.get("k") is None
    now[0] = 10.0  # a clock that was set back: what comes from the future is not trusted
    cache.put("k", b"body")
    now[0] = 5.0
    assert cache.get("k") is None


def test_the_least_recently_used_go_when_it_is_full(tmp_path):
    now = [1000.0]
    cache = ResponseCache(tmp_path / "x.db", most_mb=0.1, clock=lambda: now[0])
    for number in range(4):
        now[0] += 1000
        cache.put(f"k{number}", os.urandom(30_000))
    now[0] += 1000
    assert cache.get("k1") is not None
    cache.put("k5", os.urandom(30_000))
    assert [number for number in range(6) if cache.get(f"k{number}")] == [1, 3, 5]
    cache.put("large", os.urandom(200_000))
    assert cache.get("large") is None
    assert cache.path.stat().st_size < 200_000


def test_where_nothing_can_be_kept_nothing_is(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = ResponseCache(tmp_path / "file" / "x.db")
    cache.put("k", b"body")
    assert cache.get("k") is None
    folder = ResponseCache(tmp_path)
    folder.put("k", b"body")
    assert folder.get("k") is None


@pytest.mark.parametrize("damage", [b"", b"no database" * 900, None])
def test_a_damaged_file_is_started_anew(tmp_path, damage):
    cache = ResponseCache(tmp_path / "x.db")
    for number in range(50):
        cache.put(f"k{number}", os.urandom(3000))
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096) if damage is None else damage)
    for number in range(50):
        assert cache.get(f"k{number}") is None
    for _ in range(2):  # the first may only find the damage
        cache.put("k", b"body")
    assert cache.get("k") == b"body"
