"""The default model: how it is kept, and (slow, fetched) that feedback reaches plans on a topic never discussed."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from nanoresearch.datasets.stage import sha256_of
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.problems import ModelUnusable
from nanoresearch.planner.smollm import DEFAULT_MODEL, RECORD_NAME, ensure_smollm, intact
from nanoresearch.schema.learning import ModelRecord
from nanoresearch.schema.profile import Profile


def offline(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(command, 1, "", "Temporary failure in name resolution")


def keep(models: Path) -> Path:
    folder = models / DEFAULT_MODEL
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    files = {"model.safetensors": sha256_of(folder / "model.safetensors")}
    record = ModelRecord(name=DEFAULT_MODEL, origin="o", licence="Apache-2.0", source_sha256="0", files=files)
    (folder / RECORD_NAME).write_text(record.model_dump_json())
    return folder


def test_a_whole_model_is_used_without_fetching(tmp_path: Path) -> None:
    folder = keep(tmp_path)
    assert intact(folder)
    assert ensure_smollm(tmp_path, run=offline) == folder


def test_a_damaged_model_is_fetched_again_and_offline_says_so(tmp_path: Path) -> None:
    folder = keep(tmp_path)
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert not intact(folder)
    with pytest.raises(ModelUnusable, match="models fetch"):
        ensure_smollm(tmp_path, run=offline)
    assert not (tmp_path / ".partial" / DEFAULT_MODEL).exists()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(3000)
def test_two_preferences_and_a_negation_reach_another_topic(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from nanoresearch.planner.base_model import load_base
    from nanoresearch.planner.trainable import TrainablePlanner

    torch.set_num_threads(1)
    base = load_base(DEFAULT_MODEL, tmp_path / "models")
    planner = TrainablePlanner(base, tmp_path / "planner")
    words = "Always report the parameter count and the latency, and break the errors down by class. Drop the ablations."
    learned = [PlannerInput("planning", topic, Profile()) for topic in ("handwritten digits", "clinical tables")]
    fresh = PlannerInput("planning", "How short can an audio clip be to tell two languages apart?", Profile(), seed=5)
    before, teacher = planner.inclusion(fresh, 24), planner.teacher_inclusion(fresh, words, 24)
    record = planner.learn([(request, None) for request in learned], words)
    after = planner.inclusion(fresh, 24)
    assert record.accepted
    for name in ("report_size_and_latency", "break_down_by_class"):
        assert after[name] - before[name] >= 0.7 * (teacher[name] - before[name]) > 0
    gone = before["ablate_everything"] - teacher["ablate_everything"]
    assert before["ablate_everything"] - after["ablate_everything"] >= 0.7 * gone > 0
    assert planner.inclusion(fresh, 24, adapter=False) == before
