"""library and doctor --online, as a user meets them."""

import json
import os
from pathlib import Path

import pytest

from nanoresearch.cli.main import main
from tests.literature.pdfs import PAPER, pdf
from tests.literature.server import SHAPES, Answer, LoopbackServer, serving, work


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    (tmp_path / "a.pdf").write_bytes(pdf([PAPER]))
    (tmp_path / "b.bib").write_text("@misc{k1, title={On \x1b[31mvoles}, author={Roe, Jane}, year=2001}\n@misc{k2,}\n")
    return tmp_path


def test_add_list_search_and_remove(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("library", "list") == 0
    assert "library add FOLDER" in capsys.readouterr().out
    assert call("library", "add", str(shelf)) == 0
    said = capsys.readouterr()
    assert "2 works from 2 files" in said.out
    assert "k2 has no title" in said.err
    assert call("library", "list") == 0
    listed = capsys.readouterr().out
    assert "k1  On [31mvoles (Jane Roe, 2001)" in listed
    assert "(Ada Quill et al., 2021, with text)" in listed
    assert call("library", "search", "digs deeper") == 0
    assert "Sparse lattices of Gaussian moles" in capsys.readouterr().out
    assert call("library", "remove", "k1") == 0
    assert call("library", "search", "voles") == 0
    assert "No work has these words" in capsys.readouterr().out
    assert call("library", "remove", "k1") == 2


def test_json(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("library", "add", str(shelf), "--json") == 0
    came = json.loads(capsys.readouterr().out)
    assert (came["works"], came["library"]) == (2, {"works": 2, "files": 2})
    assert len(came["problems"]) == 1
    assert call("library", "search", "moles", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["works"]
    assert found["searchable"]
    assert found["files"] == [str(shelf / "a.pdf")]
    assert call("library", "list", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["works"]) == 2
    assert call("library", "add", str(shelf / "none"), "--json") == 2
    assert "There is no" in json.loads(capsys.readouterr().out)["error"]


def test_an_interruption_is_told(shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    def interrupt(self, path):
        raise KeyboardInterrupt

    monkeypatch.setattr("nanoresearch.literature.pdf.PdfReader.read", interrupt)
    assert call("library", "add", str(shelf)) == 130
    assert "go on with the same command" in capsys.readouterr().err


def test_doctor_asks_servers_only_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    server = LoopbackServer()
    root = Path(os.environ["NANORESEARCH_HOME"])
    urls = "".join(f'{name}_url = "{server.url}{shape.path}"\n' for name, shape in SHAPES.items())
    (root / "config.toml").write_text(f"[literature]\n{urls}")
    alive = serving("openalex", [work(1)])
    server.respond = lambda asked: alive(asked) if asked.path == "/works" else Answer(status=403)
    try:
        call("doctor", "--json")
        assert server.requests == []
        checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
        assert checks["library"]["found"] == "empty"
        assert "openalex" not in checks
        call("doctor", "--online", "--json")
        checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
        assert checks["openalex"]["state"] == "ok"
        assert checks["arxiv"]["state"] == checks["semantic_scholar"]["state"] == "missing"
        assert "SEMANTIC_SCHOLAR_API_KEY" in checks["semantic_scholar"]["found"]
    finally:
        server.close()
