"""The user's own data: copied under their digest, read-only, and nothing but what was named."""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanoresearch.datasets.own import plain_name, stage_own
from nanoresearch.datasets.stage import DatasetCorrupt, DatasetMissing, stage, status
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard


def card(source: object, carrier: str = "file") -> DatasetCard:
    return DatasetCard.model_validate(
        {
            "id": "mine",
            "name": "mine",
            "domain": "other",
            "summary": "s",
            "carrier": carrier,
            "package": str(source),
            "version": "",
            "licence": "private",
        }
    )


@pytest.fixture
def address() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in ("/tides.csv", "/large.csv")
            self.send_response(200 if known else 302 if self.path == "/moved.csv" else 404)
            self.send_header("location", "/tides.csv")
            self.end_headers()
            if known:
                self.wfile.write(b"h,m\n1,2\n" * (200_000 if "large" in self.path else 1))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_is_kept_as_it_was(tmp_path: Path) -> None:
    source, root = tmp_path / "a b;c.csv", tmp_path / "data"
    source.write_text("x,y\n1,2\n")
    staged = stage_own(card(source), root)
    source.write_text("x,y\n3,4\n")
    again = stage_own(card(source), root)
    assert staged.files[0].name == "a_b_c.csv"
    assert str(tmp_path) not in staged.model_dump_json()
    assert staged.card.sha256 != again.card.sha256
    kept = root / (staged.folder or "") / "a_b_c.csv"
    assert kept.read_text() == "x,y\n1,2\n"
    assert kept.stat().st_mode & 0o222 == 0
    assert stage(staged.card, root) == staged
    assert status(staged.card, root) == "present"
    assert not any((root / ".partial").iterdir())


def test_a_damaged_copy_is_noticed_and_replaced(tmp_path: Path) -> None:
    source, root = tmp_path / "a.csv", tmp_path / "data"
    source.write_text("x,y\n1,2\n")
    staged = stage_own(card(source), root)
    kept = root / (staged.folder or "") / "a.csv"
    kept.chmod(0o644)
    kept.write_text("x,y\n9,9\n")
    with pytest.raises(DatasetCorrupt, match="other content"):
        stage(staged.card, root)
    assert stage_own(card(source), root) == staged
    assert kept.read_text() == "x,y\n1,2\n"


def test_a_copy_that_is_gone_is_missing(tmp_path: Path) -> None:
    known = card("x").model_copy(update={"sha256": "0" * 64})
    assert status(known, tmp_path) == "missing"
    with pytest.raises(DatasetMissing, match=r"data\.files"):
        stage(known, tmp_path)


def test_a_folder_keeps_its_shape_without_what_is_hidden(tmp_path: Path) -> None:
    source, root = tmp_path / "set", tmp_path / "data"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "one.txt").write_text("1")
    (source / "two.txt").write_text("2")
    (source / ".env").write_text("KEY=secret")
    staged = stage_own(card(source), root)
    assert [file.name for file in staged.files] == ["sub/one.txt", "two.txt"]
    assert stage(staged.card, root) == staged


def test_links_pipes_and_size_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "set"
    source.mkdir()
    (source / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(DatasetError, match=r"passwd in .* is a link"):
        stage_own(card(source), tmp_path / "data")
    (source / "passwd").unlink()
    os.mkfifo(source / "pipe")
    with pytest.raises(DatasetError, match="holds no files"):
        stage_own(card(source), tmp_path / "data")
    (source / "large").write_bytes(b"0" * 2_000_000)
    with pytest.raises(DatasetError, match=r"larger than 1 MB. Raise data\.max_mb"):
        stage_own(card(source), tmp_path / "data", max_mb=1)
    with pytest.raises(DatasetError, match="larger than 1 MB"):
        stage_own(card(source / "large"), tmp_path / "data", max_mb=1)
    with pytest.raises(DatasetError, match="is no file or folder"):
        stage_own(card(tmp_path / "nowhere"), tmp_path / "data")
    assert not (tmp_path / "data" / "own").exists()


def test_an_address_is_fetched(tmp_path: Path, address: str) -> None:
    staged = stage_own(card(f"{address}/tides.csv", "url"), tmp_path)
    assert staged.files[0].name == "tides.csv"
    assert stage(staged.card, tmp_path) == staged
    with pytest.raises(DatasetError, match="cannot be fetched: 404"):
        stage_own(card(f"{address}/nothing.csv", "url"), tmp_path)
    with pytest.raises(DatasetError, match=r"redirects to /tides\.csv, which would have to be named itself"):
        stage_own(card(f"{address}/moved.csv", "url"), tmp_path)
    with pytest.raises(DatasetError, match="larger than 1 MB"):
        stage_own(card(f"{address}/large.csv", "url"), tmp_path, max_mb=1)


@pytest.mark.parametrize(
    ("name", "plain"), [("../../etc/x", "_.._etc_x"), (".bashrc", "bashrc"), ("a\nb", "a_b"), ("ü.csv", "_.csv")]
)
def test_names_lead_nowhere(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_data_of_a_program_are_always_there(tmp_path: Path) -> None:
    made = card("", "program")
    assert status(made, tmp_path) == "present"
    assert stage(made, tmp_path).files == ()


def test_equal_content_under_two_names_is_kept_twice(tmp_path: Path) -> None:
    staged = []
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x\n1\n")
        staged.append(stage_own(card(tmp_path / name), tmp_path / "data"))
    assert [stage(item.card, tmp_path / "data").files[0].name for item in staged] == ["a.csv", "b.csv"]
