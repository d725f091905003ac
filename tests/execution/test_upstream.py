"""Code of others in a codebase: apart from the program, importable from it, in the way of nothing."""

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from nanoresearch.config import SetupConfig
from nanoresearch.execution.clones import RepositoryRefused, kept_copy, pin_folder
from nanoresearch.execution.repository import Codebase, PatchRefused
from nanoresearch.execution.upstream import modules_of, reach
from nanoresearch.schema.experiment import Patch


def place(root: Path, contents: dict[str, str | bytes]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with a package at its root, one below src/, a module, and names that others have."""
    return place(
        tmp_path / "origin",
        {
            "README.md": "Searches.",
            "climbing/__init__.py": "from climbing.steps import climb\n",
            "climbing/steps.py": "import numpy as np\nimport ropes\n\n\ndef climb(x):\n    return x + 1\n",
            "climbing/tests/test_steps.py": "import hypothesis\n",
            "src/ropes/__init__.py": "import networkx.algorithms\nLENGTH = 60\n",
            "json.py": "raise RuntimeError('not this one')\n",
            "models.py": "raise RuntimeError('nor this one')\n",
            "tests/test_all.py": "",
            "setup.py": "",
            "__main__.py": "",
            "weights.bin": b"\xff\xfe\x00",
        },
    )


def test_modules_are_found_in_both_layouts(origin: Path) -> None:
    found = modules_of(origin)
    assert set(found) == {"climbing", "ropes", "models"}
    assert found["ropes"] == origin / "src" / "ropes"
    brought = reach(found, {"climbing"})
    assert brought.modules == {"climbing", "numpy", "ropes", "networkx"}
    assert "networkx.algorithms" in brought.names
    assert reach(found, {"ropes"}).modules == {"networkx"}
    assert reach(found, {"unknown"}).modules == set()


@pytest.mark.parametrize(
    ("contents", "modules"),
    [
        ({"__init__.py": "", "steps.py": "from . import x"}, {"upstream"}),
        ({"src/__init__.py": "", "src/steps.py": "from src import x"}, {"src"}),
        ({"name/space/steps.py": "x = 1"}, {"name"}),
        ({"class.py": "", "two words.py": "", "tests/x.py": "", "notes.txt": ""}, set()),
    ],
)
def test_other_layouts(tmp_path: Path, contents: dict[str, str | bytes], modules: set[str]) -> None:
    assert set(modules_of(place(tmp_path, contents))) == modules


def test_a_long_table_in_python_is_not_read(tmp_path: Path) -> None:
    place(tmp_path, {"table.py": "import torch\n" + "x = 1\n" * 200_000, "short.py": "import torch\n"})
    found = modules_of(tmp_path)
    assert reach(found, {"short"}).modules == {"torch"}
    assert reach(found, {"table"}).modules == set()


def test_a_folder_is_pinned_by_its_content(origin: Path, tmp_path: Path) -> None:
    private = {
        ".env": "KEY=1",
        "id_rsa": "x",
        "patients.csv": "a,b",
        ".ssh/config.toml": "",
        "home/config.toml": "x",
        "keys.yaml": "x",
        "conf.toml": "",
    }
    place(origin, {".venv/lib/x.py": "", "climbing/__pycache__/steps.pyc": b"\x00", **private})
    (origin / "link.py").symlink_to("setup.py")
    (origin / os.fsdecode(b"caf\xe9.py")).write_text("")
    cache = origin / "home" / "repositories"
    first = pin_folder(origin, cache, SetupConfig())
    assert first.files == 10
    assert first.left_out == (
        ".env", ".ssh/config.toml", "caf\\xe9.py", "conf.toml", "id_rsa", "keys.yaml", "link.py", "patients.csv",
        "weights.bin",
    )  # fmt: skip
    assert first.commit == first.sha256
    assert pin_folder(origin, cache, SetupConfig()) == first
    (origin / "README.md").write_text("Changed.")
    second = pin_folder(origin, cache, SetupConfig())
    assert second.sha256 != first.sha256
    kept = kept_copy(first, cache)
    assert kept is not None
    assert (kept.path / "README.md").read_text() == "Searches."
    (kept.path / "README.md").chmod(0o644)
    (kept.path / "README.md").write_text("damaged")
    assert kept_copy(first, cache) is None
    with pytest.raises(RepositoryRefused, match="are accepted"):
        pin_folder(origin, cache, SetupConfig(repository_mb=0.00001))
    (tmp_path / "empty").mkdir()
    with pytest.raises(RepositoryRefused, match="no files of code"):
        pin_folder(tmp_path / "empty", cache, SetupConfig())


def test_it_lies_apart_and_stays_as_it_is(origin: Path, tmp_path: Path) -> None:
    base = pin_folder(origin, tmp_path / "cache", SetupConfig())
    code = Codebase.create(tmp_path / "code", {"models.py": "import climbing\n"}, base=base)
    assert code.files() == {"models.py": "import climbing\n"}
    code.export(code.head(), tmp_path / "out")
    assert (tmp_path / "out" / "upstream" / "README.md").read_text() == "Searches."
    assert (tmp_path / "out" / "models.py").read_text() == "import climbing\n"
    for name in ("upstream/climbing/steps.py", "Upstream/new.py", "upstream"):
        with pytest.raises(PatchRefused, match="stays as it is"):
            code.apply(Patch(fix="x", reason="y", files={name: "z = 1\n"}))


def test_the_program_finds_it_and_nothing_is_shadowed(origin: Path, tmp_path: Path) -> None:
    base = pin_folder(origin, tmp_path / "cache", SetupConfig())
    harness = files("nanoresearch.crew.builtin").joinpath("codebase/harness.py").read_text()
    place(origin, {"src/ropes/__init__.py": "LENGTH = 60\n"})
    base = pin_folder(origin, tmp_path / "cache", SetupConfig())
    program = {"harness.py": harness, "models.py": "import climbing\nimport ropes\n"}
    code = Codebase.create(tmp_path / "code", program, base=base)
    script = (
        "import harness, json, models; print(json.dumps([models.__file__, models.climbing.climb(1), json.__file__]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=code.root, capture_output=True, text=True, check=True)
    where, value, shadowed = json.loads(done.stdout)
    assert Path(where).resolve() == (code.root / "models.py").resolve()
    assert value == 2
    assert "upstream" not in shadowed


def test_code_without_a_generator_of_its_own_is_seeded(tmp_path: Path) -> None:
    harness = files("nanoresearch.crew.builtin").joinpath("codebase/harness.py").read_text()
    place(tmp_path, {"harness.py": harness})
    script = (
        "import random, numpy, harness\n"
        "for seed in (3, 3, 4):\n    harness.seed_all(seed)\n    print(random.random(), numpy.random.rand())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second, third = done.stdout.splitlines()
    assert first == second != third
    assert not set(first.split()) & set(third.split())
