"""The codebase is a repository that patches can change only where they may."""

import subprocess
from pathlib import Path

import pytest

from nanoresearch.errors import ExecutionError
from nanoresearch.execution.repository import Codebase, PatchRefused
from nanoresearch.schema.experiment import Patch

from .conftest import DATA, codebase_files


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Codebase:
    """One codebase for all tests whose patches are refused."""
    return Codebase.create(tmp_path_factory.mktemp("run") / "code", codebase_files())


def change(name: str, content: str) -> Patch:
    """A patch of one file."""
    return Patch(fix="cure", reason="Because.", files={name: content})


def git(codebase: Codebase, *arguments: str) -> str:
    """Ask git itself."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=codebase.root, capture_output=True, text=True, check=True).stdout.strip()


def test_create_commits_the_files(make_codebase) -> None:
    codebase = make_codebase()
    assert codebase.files() == codebase_files()
    assert codebase.is_clean()
    assert codebase.head() == git(codebase, "rev-parse", "HEAD")
    assert git(codebase, "log", "--format=%an|%cn|%s") == "NanoResearch|NanoResearch|First version"
    assert [path.name for path in codebase.root.parent.iterdir()] == ["code"]


def test_create_refuses_to_overwrite(make_codebase) -> None:
    codebase = make_codebase()
    with pytest.raises(ExecutionError, match="exists already"):
        Codebase.create(codebase.root, {"a.py": ""})


def test_the_users_configuration_hooks_and_repository_are_not_used(tmp_path: Path, monkeypatch) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=outer, check=True)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-commit", "commit-msg"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[user]\nname = Somebody\n[commit]\ngpgSign = true\n[core]\nhooksPath = {hooks}\nautocrlf = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    codebase = Codebase.create(outer / "code", {"a.py": "a = 1\n", ".gitignore": "*.csv\n", "b.csv": "1\n"})
    codebase.apply(change("a.py", "a = 2\n"))
    monkeypatch.delenv("GIT_DIR")
    assert git(codebase, "log", "--format=%an %cn") == "NanoResearch NanoResearch\nNanoResearch NanoResearch"
    assert codebase.files() == {"a.py": "a = 2\n", ".gitignore": "*.csv\n", "b.csv": "1\n"}
    assert codebase.is_clean()
    assert not (tmp_path / "hooked").exists()


def test_missing_git_is_explained(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutionError, match="apt-get install git"):
        Codebase.create(tmp_path / "code", {"a.py": ""})
    assert not (tmp_path / "code").exists()


def test_apply_commits(make_codebase) -> None:
    codebase = make_codebase()
    before = codebase.head()
    commit = codebase.apply(Patch(fix="scale", reason="It overflows.", files={"models.py": "x = 1\n", "nn/a.py": ""}))
    assert commit == codebase.head() != before
    assert codebase.files()["models.py"] == "x = 1\n"
    assert codebase.files()["nn/a.py"] == ""
    assert git(codebase, "log", "-1", "--format=%s|%b").startswith("scale|It overflows.")
    assert codebase.is_clean()


def test_export_is_the_commit_whatever_came_after(make_codebase, tmp_path: Path) -> None:
    codebase = make_codebase()
    first = codebase.head()
    codebase.apply(change("models.py", "later = 1\n"))
    (codebase.root / "stray.py").write_text("stray")
    codebase.export(first, tmp_path / "a" / "copy")
    exported = {path.name: path.read_text() for path in (tmp_path / "a" / "copy").iterdir()}
    assert exported == codebase_files()


def test_restore_drops_changes_but_no_other_files(make_codebase) -> None:
    codebase = make_codebase()
    (codebase.root / "stray.py").write_text("stray")
    assert codebase.is_clean()
    (codebase.root / "models.py").write_text("mine = 1\n")
    assert not codebase.is_clean()
    codebase.restore()
    assert codebase.is_clean()
    assert (codebase.root / "stray.py").exists()
    codebase.apply(change("train.py", ""))
    assert "stray.py" not in codebase.files()


def test_changes_of_somebody_else_are_not_taken_in(make_codebase) -> None:
    codebase = make_codebase()
    (codebase.root / "models.py").write_text("mine = 1\n")
    with pytest.raises(ExecutionError, match="not committed"):
        codebase.apply(change("train.py", ""))
    assert (codebase.root / "models.py").read_text() == "mine = 1\n"


def test_a_patch_that_was_killed_is_applied_again(make_codebase) -> None:
    codebase = make_codebase()
    cure = Patch(fix="f", reason="r", files={"models.py": "x = 1\n", "new.py": "y = 1\n"})
    (codebase.root / "models.py").write_text("x = 1\n")
    (codebase.root / "new.py").write_text("y = 1\n")
    git(codebase, "add", "new.py")
    codebase.apply(cure)
    assert codebase.is_clean()
    assert codebase.files()["new.py"] == "y = 1\n"
    assert codebase.files()["models.py"] == "x = 1\n"


def test_a_patch_that_changes_nothing_is_an_error(make_codebase) -> None:
    codebase = make_codebase()
    with pytest.raises(ExecutionError, match="changes nothing"):
        codebase.apply(change("harness.py", codebase.files()["harness.py"]))


def test_a_patch_cut_off_leaves_the_folder_at_a_commit(make_codebase, monkeypatch) -> None:
    codebase = make_codebase()
    before = codebase.head()
    with monkeypatch.context() as context:
        context.setattr(Codebase, "_commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            codebase.apply(Patch(fix="f", reason="r", files={"models.py": "x = 1\n", "new.py": "y = 1\n"}))
    assert codebase.is_clean()
    assert codebase.head() == before
    assert not (codebase.root / "new.py").exists()


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up.py", "a/../../up.py", "./models.py", "a//b.py", "", ".", "C:/x.py", "a\\b.py", "a\nb.py",
     ".git/config", "a/.GIT/hooks/x", ".gitattributes", ".gitmodules", ".git./config", "git~1/config"],
)  # fmt: skip
def test_paths_that_leave_the_folder_are_refused(untouched: Codebase, name: str) -> None:
    before = untouched.head()
    with pytest.raises(PatchRefused):
        untouched.apply(change(name, "x = 1\n"))
    assert untouched.head() == before
    assert untouched.is_clean()


def test_links_are_refused(make_codebase, tmp_path: Path) -> None:
    codebase = make_codebase()
    (tmp_path / "outside").mkdir()
    (codebase.root / "lib").symlink_to(tmp_path / "outside")
    git(codebase, "add", "lib")
    git(codebase, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "link")
    with pytest.raises(PatchRefused, match="link"):
        codebase.apply(change("lib/x.py", "x = 1\n"))
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    "name", ["harness.py", "evaluate.py", "config.json", "Harness.py", "EVALUATE.py", "evaluate/__init__.py",
             "json.py", "math/__init__.py", "evaluate.pyi", "random.py", "Data.py"],
)  # fmt: skip
def test_what_judges_is_protected(untouched: Codebase, name: str) -> None:
    with pytest.raises(PatchRefused):
        untouched.apply(Patch(fix="f", reason="r", files={"models.py": "x = 1\n", name: "x = 1\n"}))
    assert untouched.is_clean()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return rows[:cut], rows[cut:]", "return rows, rows[cut:]"),
        ("def split(rows, seed)", "def split(rows, seed=0)"),
        ("SHARE = 0.5", "SHARE = 0.9"),
        ("Random(seed + row)", "Random(row)"),
        ("from random import Random", "from secrets import SystemRandom as Random"),
        ("def split(", "@staticmethod\ndef split("),
        ("    return rows[:cut], rows[cut:]\n", "    return rows[:cut], rows[cut:]\n\n\nsplit = load\n"),
        ("    return rows[:cut], rows[cut:]\n", "    return rows[:cut], rows[cut:]\n\n\nsplit.x = load\n"),
        ("    return list(range(10))", "    global SHARE\n    SHARE = 0.9\n    return list(range(10))"),
        ("def load(", "if True:\n    shuffled = max\n\n\ndef load("),
        ("def load(", "def load(:"),
        ("def split(", "def divide("),
    ],
)
def test_the_division_is_protected_with_all_it_uses(untouched: Codebase, old: str, new: str) -> None:
    assert old in DATA
    with pytest.raises(PatchRefused, match=r"split|data\.py"):
        untouched.apply(change("data.py", DATA.replace(old, new)))


def test_the_rest_of_data_may_be_patched(make_codebase) -> None:
    codebase = make_codebase()
    patched = DATA.replace("list(range(10))", "list(range(20))").replace("import Random\n", "import Random, choice\n")
    patched = patched.replace("SHARE = 0.5", "SHARE = 0.5  # half").replace("def load", "OTHER = 1\n\n\ndef load")
    codebase.apply(change("data.py", patched))
    assert codebase.files()["data.py"] == patched


def test_a_division_that_never_ran_may_be_repaired(tmp_path: Path) -> None:
    codebase = Codebase.create(tmp_path / "code", codebase_files() | {"data.py": "def split(:\n"})
    codebase.apply(change("data.py", DATA))
    assert codebase.files()["data.py"] == DATA
