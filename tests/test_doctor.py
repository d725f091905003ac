"""What doctor says of the machine's parts when they are there, missing, or broken."""

from pathlib import Path

import pytest

from nanoresearch import doctor
from nanoresearch.execution.sandbox import probe_isolation
from nanoresearch.paths import Home
from nanoresearch.schema.isolation import Isolation


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine whose only programs are those that a test makes, with no devices."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "dev").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(doctor, "DEVICES", tmp_path / "dev")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    make.devices = tmp_path / "dev"
    return make


def gpus() -> list[tuple[str, str]]:
    return [(check.state, check.found) for check in doctor._graphics()]


def test_no_card_is_no_fault(tools) -> None:
    assert gpus() == [("ok", "none: experiments run on the processor")]


def test_cards_of_nvidia(tools, monkeypatch: pytest.MonkeyPatch) -> None:
    tools(
        "nvidia-smi",
        '[ "$1 $2" = "--query-gpu=name,memory.total,driver_version --format=csv,noheader" ] || exit 2\n'
        "echo 'NVIDIA H100 80GB HBM3, 81559 MiB, 570.86.15'\necho 'NVIDIA T4, 15360 MiB, 570.86.15'",
    )
    assert gpus() == [
        ("ok", "NVIDIA H100 80GB HBM3, 81559 MiB, driver 570.86.15"),
        ("ok", "NVIDIA T4, 15360 MiB, driver 570.86.15"),
    ]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus()[0][1].endswith("driver 570.86.15; experiments see CUDA_VISIBLE_DEVICES=''")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Failed to initialize NVML: Driver/library version mismatch' >&2; exit 18", "version mismatch"),
        ("exit 9", "status 9"),
        ("echo 'No devices were found'", "no card"),
        ("exec /bin/sleep 60", "no answer in 0.2 s"),
    ],
)
def test_a_broken_driver_is_told(tools, script: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ASK_S", 0.2)
    tools("nvidia-smi", script)
    ((state, found),) = gpus()
    assert state == "missing"
    assert words in found


def test_devices_without_their_tools_are_told(tools) -> None:
    for name in ("nvidia0", "nvidiactl", "nvidia1", "kfd"):
        (tools.devices / name).touch()
    assert gpus() == [
        ("missing", "nvidia0, nvidia1, but no nvidia-smi to ask"),
        ("missing", "/dev/kfd, but no rocm-smi to ask"),
    ]


def test_cards_of_amd(tools) -> None:
    tools("rocm-smi", """echo '{"card0": {"Card Series": "Instinct MI300X"}, "system": {"Driver version": "6"}}'""")
    assert gpus() == [("ok", "Instinct MI300X")]
    tools("rocm-smi", "echo nonsense")
    assert gpus() == [("missing", "rocm-smi: its answer cannot be read")]


def test_all_four_parts_are_listed_and_right_when_missing(tools, tmp_path: Path, monkeypatch) -> None:
    none = Isolation(kind="none", missing=("bubblewrap: not installed",))
    monkeypatch.setattr(doctor, "probe_isolation", lambda choice: none)
    monkeypatch.setattr(doctor, "find_latex", lambda: None)
    found = {check.name: check for check in doctor.examine(Home(tmp_path / "home"))}
    assert (found["isolation"].state, "apt-get install bubblewrap" in found["isolation"].remedy) == ("essential", True)
    assert (found["GPU"].state, found["SLURM"].state, found["LaTeX"].state) == ("ok", "missing", "missing")
    assert "not on this machine" in found["SLURM"].found
    assert "apt-get install" in found["LaTeX"].remedy
    assert found["git"].state == "essential"


def test_what_is_there_is_ok(tmp_path: Path) -> None:
    if probe_isolation().kind != "bubblewrap":
        pytest.skip("ISOLATION NOT TESTED with bubblewrap")
    found = {check.name: check for check in doctor.examine(Home(tmp_path / "home"))}
    assert (found["isolation"].state, found["git"].state) == ("ok", "ok")
    assert found["isolation"].found.startswith("bubblewrap (")


def test_own_data_that_is_named_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "wells.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty").mkdir()
    full = tmp_path / "full"
    full.mkdir()
    (full / "lost.csv").symlink_to(full / "lost.csv")
    (full / "part.csv").write_text("a\n")
    lines = [f'{name} = "{tmp_path / path}"' for name, path in OWN.items()]
    (tmp_path / "config.toml").write_text("\n".join(["[data.files]", *lines, ""]))
    found = {check.name: check for check in doctor.examine(Home(tmp_path)) if check.name.startswith("data.files.")}
    assert {name.rpartition(".")[2]: check.state for name, check in found.items()} == {
        "wells": "ok",
        "full": "ok",
        "gone": "missing",
        "empty": "missing",
    }
    assert str(tmp_path / "gone.csv") in found["data.files.gone"].found
    assert "config.toml" in found["data.files.gone"].remedy


OWN = {"wells": "wells.csv", "full": "full", "gone": "gone.csv", "empty": "empty"}


def test_own_data_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wells.csv").write_text("a,b\n")

    def locked(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", locked)  # permissions do not keep root out
    assert "wells.csv cannot be read: Permission denied" in doctor._unreadable(tmp_path / "wells.csv")
    assert "wells.csv cannot be read: Permission denied" in doctor._unreadable(tmp_path)
