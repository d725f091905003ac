"""Data of the user's own and from allowed addresses: copied, read-only, under their digest, compared before use."""

import hashlib
import http.server
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanoresearch.config import SetupConfig
from nanoresearch.datasets import own
from nanoresearch.datasets.own import as_dataset, check_staged, stage_address, stage_file
from nanoresearch.datasets.stage import DatasetCorrupt, DatasetMissing, verify
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard

TABLE = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(TABLE).hexdigest()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "table.csv"
    path.parent.mkdir()
    path.write_bytes(TABLE)
    path.chmod(0o640)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_file_lies_read_only_under_its_digest(table: Path, root: Path) -> None:
    staged = stage_file(table, root)
    assert (staged.name, staged.sha256, staged.bytes, staged.origin) == ("table.csv", SHA256, 8, str(table))
    assert staged.path == root / "staged" / SHA256 / "table.csv"
    assert staged.path.read_bytes() == TABLE
    assert stat.S_IMODE(staged.path.stat().st_mode) == 0o444
    assert stat.S_IMODE(table.stat().st_mode) == 0o640
    assert staged.path.stat().st_ino != table.stat().st_ino
    table.write_text("other")
    assert check_staged(staged, root) == staged
    assert sorted(path.name for path in root.iterdir()) == ["staged"]


def test_the_same_content_is_kept_once(table: Path, root: Path) -> None:
    first = stage_file(table, root)
    before = first.path.stat().st_ino
    assert stage_file(table, root) == first
    assert first.path.stat().st_ino == before


def test_a_folder_is_one_data_set(table: Path, root: Path) -> None:
    (table.parent / "deep" / "er").mkdir(parents=True)
    (table.parent / "deep" / "er" / "x.bin").write_bytes(b"\0")
    staged = stage_file(table.parent, root)
    assert [file.name for file in staged.files] == ["mine/deep/er/x.bin", "mine/table.csv"]
    assert (staged.path / "deep" / "er" / "x.bin").read_bytes() == b"\0"
    (table.parent / "table.csv").rename(table.parent / "renamed.csv")
    assert stage_file(table.parent, root).sha256 != staged.sha256


@pytest.mark.parametrize("damage", ["changed", "gone", "added", "folder gone"])
def test_damage_is_found_before_use_and_mended_by_staging_again(table: Path, root: Path, damage: str) -> None:
    staged = stage_file(table.parent, root)
    path = staged.path / "table.csv"
    if damage == "changed":
        path.chmod(0o644)
        path.write_bytes(b"a,b\n1,3\n")
    elif damage == "gone":
        path.unlink()
    elif damage == "added":
        (staged.path / "labels.csv").write_text("1")
    else:
        own.shutil.rmtree(root / staged.folder)
    with pytest.raises(DatasetMissing if damage == "folder gone" else DatasetCorrupt):
        check_staged(staged, root)
    assert check_staged(stage_file(table.parent, root), root) == staged


@pytest.mark.parametrize("what", ["link out", "link in", "pipe", "empty", "missing", "name"])
def test_what_is_no_plain_data_is_refused(table: Path, root: Path, what: str) -> None:
    folder = table.parent
    if what == "link out":
        (folder / "x").symlink_to("/etc/passwd")
    elif what == "link in":
        (folder / "x").symlink_to(folder)
    elif what == "pipe":
        os.mkfifo(folder / "x")
    elif what == "empty":
        table.unlink()
    elif what == "missing":
        folder = folder / "nothing"
    else:
        folder = folder.rename(folder.parent / "a\nb")
    with pytest.raises(DatasetError):
        stage_file(folder, root)
    assert not (root / "staged").exists()


def test_what_is_too_large_is_refused(table: Path, root: Path) -> None:
    with open(table, "r+b") as file:
        file.truncate(2**21)
    with pytest.raises(DatasetError, match="more than 1 MB"):
        stage_file(table, root, limit_mb=1)
    assert stage_file(table, root, limit_mb=2).bytes == 2**21


def test_staged_data_become_a_data_set_of_a_blueprint(table: Path, root: Path) -> None:
    staged = stage_file(table, root)
    card = DatasetCard(
        id="mine",
        name="Mine",
        domain="tabular",
        summary="Rows.",
        carrier="program",
        package="",
        version="",
        licence="own",
    )
    dataset = as_dataset(staged, card)
    assert (dataset.card.sha256, dataset.folder) == (SHA256, staged.folder)
    assert (dataset.card.carrier, dataset.card.package) == ("file", str(table))
    verify(dataset, root)
    staged.path.chmod(0o644)
    staged.path.write_bytes(b"a,b\n1,3\n")
    with pytest.raises(DatasetCorrupt, match="Stage it again"):
        verify(dataset, root)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves the table, endless zeros, and a redirection."""

    asked: list[tuple[str, str | None]]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        if self.path == "/open/moved.csv":
            self.send_response(302)
            self.send_header("Location", "/secret/table.csv")
            self.end_headers()
        elif self.path.endswith("table.csv"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(TABLE)
        elif self.path == "/open/zeros.bin":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:  # the other side has had enough
                return
        else:
            self.send_error(404)


@pytest.fixture
def server() -> Iterator[str]:
    Server.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_an_allowed_address_is_fetched_once(server: str, root: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    settings = SetupConfig(data=(f"{server}/open",))
    staged = stage_address(f"{server}/open/table.csv", root, settings, sha256=SHA256)
    assert (staged.name, staged.sha256, staged.origin) == ("table.csv", SHA256, f"{server}/open/table.csv")
    assert stage_address(f"{server}/open/table.csv", root, settings, sha256=SHA256) == staged
    assert Server.asked == [("/open/table.csv", None)]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/open/moved.csv", "answered 302 to '/secret/table.csv'"),
        ("/open/nothing.csv", "answered 404"),
        ("/open/zeros.bin", "more than 3 MB"),
        ("/secret/table.csv", "may not be fetched"),
        ("/open/../secret/table.csv", "may not be fetched"),
        ("/open/%2e%2e/secret/table.csv", "may not be fetched"),
    ],
)
def test_what_an_address_may_not_do(server: str, root: Path, path: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        stage_address(server + path, root, SetupConfig(data=(f"{server}/open",), data_mb=3))
    assert not (root / "staged").exists()
    assert "/secret/table.csv" not in [asked for asked, _ in Server.asked]


def test_another_file_than_the_wanted_one_is_refused(server: str, root: Path) -> None:
    settings = SetupConfig(data=(f"{server}/open",))
    with pytest.raises(DatasetError, match="not the file that was wanted"):
        stage_address(f"{server}/open/table.csv", root, settings, sha256="0" * 64)
    assert not (root / "staged").exists()
