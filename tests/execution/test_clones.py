"""Repositories of others: pinned by commit, plain files only, nothing of them runs, nothing beyond what is allowed."""

import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nanoresearch.addresses import is_allowed
from nanoresearch.config import Config, SetupConfig, load_config
from nanoresearch.errors import ConfigError
from nanoresearch.execution import clones
from nanoresearch.execution.clones import RepositoryRefused, pin_repository
from nanoresearch.execution.repository import Codebase

ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b",
}  # fmt: skip


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with two commits and a tag."""
    folder = tmp_path / "origin"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "src" / "model.py").write_text("ANSWER = 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "tag", "-a", "v1", "-m", "first")
    (folder / "src" / "model.py").write_text("ANSWER = 2\n")
    git(folder, "commit", "-q", "-am", "two")
    return folder


@pytest.fixture
def pin(tmp_path: Path) -> Callable[..., clones.PinnedRepository]:
    """Pin into a cache of the test."""

    def call(source: object, ref: str = "main", **settings: object) -> clones.PinnedRepository:
        return pin_repository(str(source), ref, tmp_path / "cache", SetupConfig(timeout_s=60, **settings))

    return call


def test_a_tag_or_branch_becomes_a_commit_with_its_files(pin, origin: Path) -> None:
    first, second = (git(origin, "rev-parse", name) for name in ("main~1", "main"))
    tagged = pin(origin, "v1")
    assert (tagged.origin, tagged.commit, tagged.files, tagged.left_out) == (str(origin), first, 3, ())
    assert (tagged.path / "src" / "model.py").read_text() == "ANSWER = 1\n"
    assert (tagged.path / "weights.bin").read_bytes() == bytes(range(256))
    assert pin(origin).commit == second
    assert [oct((tagged.path / name).stat().st_mode & 0o777) for name in ("run.sh", "weights.bin")] == [
        "0o555",
        "0o444",
    ]
    assert not list(tagged.path.rglob(".git"))
    assert "path" not in tagged.model_dump()


def test_a_commit_is_taken_from_the_cache_and_fetched_again_when_damaged(pin, origin: Path) -> None:
    first = git(origin, "rev-parse", "main~1")
    pinned = pin(origin, first)
    elsewhere = origin.with_name("moved")
    origin.rename(elsewhere)
    origin.mkdir()
    assert pin(origin, first) == pinned
    (pinned.path / "src" / "model.py").chmod(0o644)
    (pinned.path / "src" / "model.py").write_text("ANSWER = 3\n")
    with pytest.raises(RepositoryRefused, match="git fetch failed"):
        pin(origin, first)
    origin.rmdir()
    elsewhere.rename(origin)
    assert (pin(origin, first).path / "src" / "model.py").read_text() == "ANSWER = 1\n"


def test_what_is_no_plain_file_is_left_out_and_named(pin, origin: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (origin / "out").symlink_to("/etc/passwd")
    (origin / "in").symlink_to("src/model.py")
    (origin / ".gitattributes").write_text("*.py filter=evil text eol=crlf ident\n")
    (origin / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = sub\n\turl = {tmp_path}/secret\n')
    (origin / ".github" / "workflows").mkdir(parents=True)
    (origin / ".github" / "workflows" / "ci.yml").write_text("on: push\n")
    (origin / "big.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n")
    (origin / "back\\slash").write_text("x")
    (origin / ".git" / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (origin / ".git" / "hooks" / "post-checkout").chmod(0o755)
    git(origin, "config", "filter.evil.smudge", f"touch {mark}")
    git(origin, "config", "uploadpack.packObjectsHook", f"touch {mark};")
    git(origin, "config", "core.fsmonitor", f"touch {mark};")
    git(origin, "-c", "core.fsmonitor=false", "-c", "filter.evil.clean=cat", "add", "-A")
    git(origin, "update-index", "--add", "--cacheinfo", f"160000,{git(origin, 'rev-parse', 'HEAD')},sub")
    git(origin, "-c", "core.fsmonitor=false", "commit", "-q", "-m", "three")
    mark.unlink(missing_ok=True)
    pinned = pin(origin)
    assert pinned.left_out == (
        ".gitattributes", ".github/", ".gitmodules", "back\\slash", "big.bin", "in", "out", "sub",
    )  # fmt: skip
    assert sorted(path.name for path in pinned.path.rglob("*") if path.is_file()) == [
        "model.py",
        "run.sh",
        "weights.bin",
    ]
    assert (pinned.path / "src" / "model.py").read_bytes() == b"ANSWER = 2\n"
    assert not mark.exists()


def test_names_that_lead_out_are_never_written(pin, origin: Path, tmp_path: Path) -> None:
    """git itself would not make such a tree by hand; one can be written all the same."""
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=origin,
        env=ENVIRONMENT,
        input=b"bad",
        capture_output=True,
        check=True,
    ).stdout.strip()
    entry = lambda name: b"100644 " + name + b"\0" + bytes.fromhex(blob.decode())  # noqa: E731
    tree = entry(b"..") + entry(b".git") + entry(b"good")
    (tmp_path / "tree").write_bytes(tree)
    made = git(origin, "hash-object", "-t", "tree", "-w", "--literally", str(tmp_path / "tree"))
    commit = git(origin, "commit-tree", made, "-m", "bad")
    git(origin, "branch", "-f", "bad", commit)
    pinned = pin(origin, "bad")
    assert pinned.left_out == ("..", ".git")
    assert [path.name for path in pinned.path.rglob("*")] == ["good"]


@pytest.mark.parametrize(
    "source",
    [
        "ext::sh -c touch% {mark}",
        "file:///etc",
        "ssh://git@example.org/x",
        "git@example.org:x/y",
        "git://example.org/x",
        "https://example.org/x/y",
        "https://token@github.com/owner/repo",
        "https://github.com.evil.example/owner/repo",
        "https://github.com/ownerevil/repo",
        "https://github.com/owner/../other/repo",
        "https://github.com/owner/%2e%2e/other/repo",
        "https://github.com/owner//repo",
        "https://github.com/owner/repo?x=1",
        "https://github.com/owner/repo#x",
        "http://github.com/owner/repo",
        "https://github.com\\@evil.example/owner/repo",
        "--upload-pack=touch {mark}",
        "/no/such/folder",
        "tests",
        "",
    ],
)
def test_only_what_is_allowed_is_cloned(pin, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setattr(clones._Git, "fetch", lambda *_: pytest.fail("it was fetched"))
    with pytest.raises(RepositoryRefused):
        pin(source.replace("{mark}", str(mark)), repositories=("https://github.com/owner",))
    assert not mark.exists()


@pytest.mark.parametrize(
    "ref", ["-u", "--upload-pack=x", "a..b", "a:b", "+main", "main~1", "", "@{-1}", "x.lock", "deadbee"]
)
def test_only_plain_names_of_versions_are_taken(pin, origin: Path, ref: str) -> None:
    with pytest.raises(RepositoryRefused, match=r"no commit, tag or branch|part of a commit"):
        pin(origin, ref)


def test_allowed_addresses() -> None:
    prefixes = SetupConfig(repositories=("https://GitHub.com/owner/",)).repositories
    assert prefixes == ("https://GitHub.com/owner/",)
    assert is_allowed("https://github.com/owner/repo.git", prefixes)
    assert is_allowed("https://github.com/owner/group/repo", prefixes)
    assert is_allowed("https://github.com/owner/repo", ("https://github.com/owner/repo/",))
    assert not is_allowed("https://github.com/owner/repository", ("https://github.com/owner/repo/",))
    with pytest.raises(ConfigError, match="holds no key"):
        load_config(Path("none"), ('execution.setup.repositories=["https://user:key@github.com"]',))
    assert Config().execution.setup.repositories == ()


def test_what_is_too_large_is_refused(pin, origin: Path) -> None:
    """Zeros pack well: the packed size would pass."""
    (origin / "zeros").write_bytes(bytes(3 * 2**20))
    git(origin, "add", "-A")
    git(origin, "commit", "-q", "-m", "zeros")
    with pytest.raises(RepositoryRefused, match="4 files of 3 MB together"):
        pin(origin, repository_mb=2)
    (origin / "noise").write_bytes(os.urandom(3 * 2**20))
    git(origin, "add", "-A")
    git(origin, "commit", "-q", "-m", "noise")
    with pytest.raises(RepositoryRefused, match=r"execution\.setup\.repository_mb"):
        pin(origin, repository_mb=2)
    assert pin(origin).files == 5


def test_a_version_that_is_not_there(pin, origin: Path, tmp_path: Path) -> None:
    with pytest.raises(RepositoryRefused, match="nowhere"):
        pin(origin, "nowhere")
    assert not list((tmp_path / "cache").glob(".partial.*"))


class Server(http.server.BaseHTTPRequestHandler):
    """git's own server program behind a plain web server; /slow never ends, /moved leads elsewhere."""

    root: Path
    seen: list[str]

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: bytes) -> None:
        self.seen.append(self.path)
        path, _, query = self.path.partition("?")
        if path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved", "/allowed", 1))
            self.end_headers()
            return
        if path.startswith("/slow"):
            self.server.released.wait(30)
            return
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, check=True,
            env=ENVIRONMENT | {
                "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command,
                "PATH_INFO": path.removeprefix("/allowed"), "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "CONTENT_LENGTH": str(len(body)),
            },
        )  # fmt: skip
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            self.send_header(*line.split(": ", 1))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server(origin: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    Server.root, Server.seen = origin.parent, []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as made:
        made.released = threading.Event()
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.released.set()
        made.shutdown()


def test_an_allowed_address_is_fetched_and_no_other_place_of_the_server(pin, origin: Path, server) -> None:
    here = f"http://127.0.0.1:{server.server_port}"
    allowed = (f"{here}/allowed", f"{here}/moved", f"{here}/slow")
    pinned = pin(f"{here}/allowed/origin", "v1", repositories=allowed)
    assert (pinned.origin, pinned.files) == (f"{here}/allowed/origin", 3)
    assert pin(f"{here}/allowed/origin", git(origin, "rev-parse", "main"), repositories=allowed).files == 3
    with pytest.raises(RepositoryRefused, match="git fetch failed"):
        pin(f"{here}/moved/origin", "v1", repositories=allowed)
    before = len(Server.seen)
    with pytest.raises(RepositoryRefused, match="may not be cloned"):
        pin(f"{here}/other/origin", "v1", repositories=allowed)
    assert len(Server.seen) == before
    with pytest.raises(RepositoryRefused, match=r"took more than 0\.5 s"):
        pin_repository(f"{here}/slow/x", "v1", origin.parent / "c", SetupConfig(repositories=allowed, timeout_s=0.5))


def test_a_codebase_begins_with_the_code_of_others(pin, origin: Path, tmp_path: Path) -> None:
    pinned = pin(origin)
    codebase = Codebase.create(tmp_path / "code", {"run.py": "pass\n", "src/model.py": "ANSWER = 4\n"}, "Ours", pinned)
    log = codebase._git("log", "--reverse", "--format=%an|%s").decode().splitlines()
    assert log == [f"NanoResearch|Code of {origin} at {pinned.commit}", "NanoResearch|Ours"]
    assert codebase._git("show", "HEAD:upstream/src/model.py") == b"ANSWER = 2\n"
    assert codebase.files() == {"run.py": "pass\n", "src/model.py": "ANSWER = 4\n"}
    assert (codebase.root / "upstream" / "weights.bin").read_bytes() == bytes(range(256))
    assert os.access(codebase.root / "upstream" / "run.sh", os.X_OK)
    assert codebase.is_clean()
