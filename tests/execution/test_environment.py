"""Environments: made only when requirements differ, from wheels at hand, never by running what is installed."""

import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from nanoresearch.config import ExecutionConfig, SetupConfig
from nanoresearch.errors import ExecutionError
from nanoresearch.events import Events
from nanoresearch.execution import environment as room
from nanoresearch.execution.attempts import run_attempt
from nanoresearch.execution.environment import HERE, Environment, environment_for, this_python
from nanoresearch.execution.inprocess import InProcessExecutor
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.requirements import RequirementsUnmet, read_requirements, unmet
from nanoresearch.paths import Home
from nanoresearch.schema.experiment import Attempt

from .conftest import codebase_files, isolation_called
from .wheels import make_wheel

THERE = f"numpy=={version('numpy')}\nscikit-learn>=1\n"
ABSENT = "nrtestbox==1.0\n"
USING = "import nrtestbox\n\n\ndef fit(seed):\n    return 0.5 if nrtestbox.VERSION == '1.0' else 0.0\n"


@pytest.fixture
def settings(tmp_path: Path) -> SetupConfig:
    """Settings with a folder of wheels, in which there are two versions of one package."""
    for number in ("1.0", "2.0"):
        make_wheel(tmp_path / "wheels", "nrtestbox", number)
    return SetupConfig(wheels=(str(tmp_path / "wheels"),), timeout_s=120)


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What pip was asked to do."""
    asked: list[tuple[str, ...]] = []
    real = room._pip

    def pip(folder: Path, settings: SetupConfig, own: dict[str, str], *words: str) -> str:
        asked.append(words)
        return real(folder, settings, own, *words)

    monkeypatch.setattr(room, "_pip", pip)
    return asked


@pytest.mark.parametrize(
    "text", ["", "# nothing\n\n", THERE, f"{THERE}tomli; python_version < '3'\n", "NumPy  # any", "nope; extra == 'x'"]
)
def test_this_python_is_taken_when_it_has_everything(text: str, tmp_path: Path, count) -> None:
    assert environment_for(text, tmp_path, SetupConfig()) is HERE
    assert this_python(text) is HERE
    assert not count
    assert list(tmp_path.iterdir()) == []


def test_extras_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs = ("nrtestbox; extra == 'box'", "numpy", "nrparts[self]; extra == 'self'", "no requirement; extra == 'self'")
    make_wheel(tmp_path, "nrparts", "1.0", requires=needs)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(*tmp_path.glob("*.whl")), str(tmp_path)], check=True)
    folders = [tmp_path, Path(room.sysconfig.get_path("purelib"))]
    assert unmet(read_requirements("nrparts\nnrparts[other]\nnrparts[self]"), folders) == []
    assert unmet(read_requirements("nrparts[box]"), folders) == ["nrtestbox is not installed"]
    assert unmet(read_requirements("nrparts>1"), folders) == ["nrparts is 1.0, not >1"]


HOSTILE = [
    "-r /etc/passwd",
    "--index-url https://evil.example/simple",
    "--extra-index-url=https://evil.example",
    "-e .",
    "--editable git+https://evil.example/x",
    "-c other.txt",
    "--find-links http://evil.example",
    "--trusted-host evil.example",
    "numpy --global-option=x",
    "numpy --hash=sha256:00",
    "numpy @ git+https://evil.example/numpy",
    "numpy @ file:///etc/passwd",
    "https://evil.example/numpy-1.0-py3-none-any.whl",
    "git+ssh://git@evil.example/x.git",
    "./local",
    "/tmp/wheel.whl",
    "..",
    "numpy; import os",
    "numpy; os.system('id')",
    "$(id)",
    "`id`",
    "numpy && id",
    "numpy==${SECRET}",
    "nümpy",
    "numpy==1.0\x00",
    "\x1b[31mnumpy",
    "a" * 2000,
    "numpy \\",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_lines_that_are_no_requirement_are_refused_before_pip_sees_them(line: str, tmp_path: Path, count) -> None:
    with pytest.raises(RequirementsUnmet, match=r"requirements\.txt, line 2"):
        environment_for(f"numpy\n{line}\n", tmp_path, SetupConfig(network=True, build=True))
    assert not count


def test_very_many_requirements_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequirementsUnmet, match="more than 200"):
        read_requirements("numpy\n" * 201)


def test_an_environment_is_made_once_from_wheels_at_hand(settings: SetupConfig, tmp_path: Path, count) -> None:
    told: list[str] = []
    made = environment_for(ABSENT, tmp_path / "cache", settings, tell=told.append)
    assert made.record is not None
    assert (made.record.requirements, made.record.packages) == (("nrtestbox==1.0",), {"nrtestbox": "1.0"})
    assert told == ["Making an environment for the code: nrtestbox is not installed"]
    done = subprocess.run(
        [made.python, "-c", "import nrtestbox, sys; print(nrtestbox.VERSION, sys.prefix)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1.0", str(made.readable[0])]
    assert [words[0] for words in count] == ["install"]
    assert "--no-index" in count[0]
    assert environment_for(" nrtestbox == 1.0 # same\n", tmp_path / "cache", SetupConfig()) == made
    assert len(count) == 1
    module = made.packages / "nrtestbox.py"
    assert made.copies([Path(room.sysconfig.get_path("purelib")) / "nrtestbox.py", Path("/etc/passwd")]) == (module,)


@pytest.mark.slow
def test_a_damaged_environment_is_made_again(settings: SetupConfig, tmp_path: Path, count) -> None:
    made = environment_for(ABSENT, tmp_path / "cache", settings)
    for damage in (made.readable[0] / "environment.json", made.packages / "nrtestbox-1.0.dist-info" / "METADATA"):
        damage.unlink()
        assert environment_for(ABSENT, tmp_path / "cache", settings) == made
    assert len(count) == 3


@pytest.mark.slow
def test_two_runs_at_once_make_one_environment(settings: SetupConfig, tmp_path: Path, count) -> None:
    made: list[Environment] = []
    threads = [
        threading.Thread(target=lambda: made.append(environment_for(ABSENT, tmp_path / "cache", settings)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert made[0] == made[1] == made[2]
    assert len(count) == 1


def test_what_is_nowhere_at_hand_is_told_with_the_ways_out(settings: SetupConfig, tmp_path: Path, count) -> None:
    with pytest.raises(RequirementsUnmet) as caught:
        environment_for("nrtestbox==3.0", tmp_path / "cache", settings)
    for words in ("nrtestbox is not installed", "nrtestbox==3.0", "execution.setup.network=true", "wheels"):
        assert words in str(caught.value)
    assert [words[0] for words in count] == ["install"]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [".locks"]


@pytest.mark.slow
def test_no_network_is_reached_and_no_setting_of_pip_counts_unless_allowed(
    settings: SetupConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip would take the wheel from a folder that the user's own settings name."""
    make_wheel(tmp_path / "elsewhere", "nrtestbox", "3.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RequirementsUnmet):
        environment_for("nrtestbox==3.0", tmp_path / "cache", settings)
    allowed = settings.model_copy(update={"network": True})
    made = environment_for("nrtestbox==3.0", tmp_path / "cache", allowed)
    assert made.record.packages == {"nrtestbox": "3.0"}
    assert (tmp_path / "cache" / "wheels" / "nrtestbox-3.0-py3-none-any.whl").is_file()


@pytest.mark.slow
def test_requirements_that_contradict_each_other(settings: SetupConfig, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "nrneeds", "1.0", requires=("nrtestbox==2.0",))
    with pytest.raises(RequirementsUnmet, match="conflict"):
        environment_for("nrneeds\nnrtestbox==1.0", tmp_path / "cache", settings)


@pytest.mark.slow
def test_source_packages_are_not_built(settings: SetupConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their setup code would run here, outside of every sandbox."""
    source = tmp_path / "source" / "nrsource-1.0"
    source.mkdir(parents=True)
    mark = tmp_path / "ran"
    (source / "setup.py").write_text(f"open({str(mark)!r}, 'w')\nfrom setuptools import setup\nsetup()\n")
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: nrsource\nVersion: 1.0\n")
    archive = tmp_path / "wheels" / "nrsource-1.0.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", source.parent, "nrsource-1.0"], check=True)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RequirementsUnmet, match="nrsource"):
        environment_for("nrsource==1.0", tmp_path / "cache", settings.model_copy(update={"network": True}))
    assert not mark.exists()


@pytest.mark.slow
def test_nothing_of_a_package_runs_outside_of_the_sandbox(settings: SetupConfig, tmp_path: Path) -> None:
    """A package may run code whenever its Python starts, or take the place of the Python itself."""
    mark = tmp_path / "ran"
    make_wheel(
        tmp_path / "wheels", "nrhostile", "1.0",
        {
            "nrhostile.pth": f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n",
            "sitecustomize.py": f"open({str(mark)!r}, 'w')\n",
            "nrhostile-1.0.data/scripts/python": f"#!/bin/sh\ntouch {mark}\n",
        },
    )  # fmt: skip
    base = Path(sys.executable).resolve()
    before = base.stat().st_mtime_ns, base.stat().st_size
    made = environment_for("nrhostile", tmp_path / "cache", settings)
    assert environment_for("nrhostile", tmp_path / "cache", settings) == made
    assert not mark.exists()
    assert (base.stat().st_mtime_ns, base.stat().st_size) == before


@pytest.mark.slow
@pytest.mark.parametrize("place", ["../../../../../evil", "/tmp/nanoresearch-evil", "nrout-1.0.data/data/../../evil"])
def test_a_package_that_leads_out_of_its_environment_is_refused(
    settings: SetupConfig, tmp_path: Path, place: str
) -> None:
    make_wheel(tmp_path / "wheels", "nrout", "1.0", {place: "x"})
    with pytest.raises(RequirementsUnmet):
        environment_for("nrout", tmp_path / "cache", settings)
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/tmp/nanoresearch-evil").exists()


@pytest.mark.parametrize("said", ["No space left on device", "Disk quota exceeded"])
def test_a_full_disk_is_no_fault_of_the_code(
    settings: SetupConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\necho 'ERROR: Could not install: [Errno 28] {said}' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(room, "_empty", lambda folder: folder.mkdir(parents=True))
    monkeypatch.setattr(room.sys, "executable", str(script))
    with pytest.raises(ExecutionError, match="The disk is full") as caught:
        environment_for(ABSENT, tmp_path / "cache", settings)
    assert not isinstance(caught.value, RequirementsUnmet)
    assert not list((tmp_path / "cache").glob("*/lib"))


def test_a_pip_that_hangs_is_ended(settings: SetupConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, pid = tmp_path / "python", tmp_path / "pid"
    script.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    script.chmod(0o755)
    monkeypatch.setattr(room, "_empty", lambda folder: folder.mkdir(parents=True))
    monkeypatch.setattr(room.sys, "executable", str(script))
    with pytest.raises(ExecutionError, match=r"not ready within 0\.5 s"):
        environment_for(ABSENT, tmp_path / "cache", settings.model_copy(update={"timeout_s": 0.5}))
    assert not Path("/proc", pid.read_text().strip()).exists()


def test_a_folder_that_cannot_be_written(settings: SetupConfig, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(ExecutionError, match="cannot be made in"):
        environment_for(ABSENT, tmp_path / "cache", settings)


def test_environments_can_be_switched_off(settings: SetupConfig, tmp_path: Path, count) -> None:
    told: list[str] = []
    off = settings.model_copy(update={"environments": "off"})
    assert environment_for(ABSENT, tmp_path / "cache", off, tell=told.append) is HERE
    assert told[0].endswith("the code runs without what it asks for: nrtestbox is not installed")
    assert not count


@pytest.fixture
def attempt(tmp_path: Path, blueprint, settings: SetupConfig) -> Callable[..., Attempt]:
    """An attempt at a codebase that asks for something."""

    def run(requirements: str, models: str = USING, **changes: object) -> Attempt:
        files = codebase_files(models) | {"requirements.txt": requirements}
        options = {
            "executor": LocalExecutor(isolation_called("bubblewrap")),
            "environments": lambda text: environment_for(text, Home.find().environments, settings),
        }
        (tmp_path / "data").mkdir()
        return run_attempt(
            1, smoke=False, codebase=Codebase.create(tmp_path / "code", files), blueprint=blueprint,
            folder=tmp_path / "attempts" / "1", data_root=tmp_path / "data", config=ExecutionConfig(),
            events=Events(), **options | changes,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("name", ["bubblewrap", "landlock", "landlock alone"])
def test_code_runs_in_its_environment_inside_the_sandbox(attempt, name: str) -> None:
    done = attempt(ABSENT, executor=LocalExecutor(isolation_called(name)))
    assert done.outcome == "succeeded", done.failure
    assert done.environment is not None
    assert done.environment.packages == {"nrtestbox": "1.0"}
    assert {job.sandbox for job in done.jobs} == {name.split()[0]}


def test_what_cannot_be_had_is_a_failure_that_a_debugger_is_told_of(attempt) -> None:
    done = attempt("nrtestbox==3.0\n")
    assert (done.outcome, done.jobs, done.environment) == ("failed", (), None)
    assert done.failure.signature.startswith("RequirementsUnmet @ requirements.txt: The code asks for what this Python")
    assert done.failure.file == "requirements.txt"
    assert done.failure.tail == "nrtestbox==3.0\n"


def test_inside_this_process_there_is_only_this_python(attempt) -> None:
    done = attempt(ABSENT, executor=InProcessExecutor(), environments=this_python)
    assert done.outcome == "failed"
    assert "which make environments" in done.failure.message


def test_the_environment_cannot_be_changed_from_inside(attempt) -> None:
    change = "import nrtestbox\nopen(nrtestbox.__file__, 'a').write('#')\n\n\ndef fit(seed):\n    return 0.5\n"
    done = attempt(ABSENT, models=change)
    assert done.outcome == "failed"
    assert "Read-only file system" in done.failure.message
    (module,) = Home.find().environments.glob("*/lib/*/site-packages/nrtestbox.py")
    assert module.read_text() == "VERSION = '1.0'\n"
