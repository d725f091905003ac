"""Persona and judge played by language models, here by scripts."""

import json
from pathlib import Path

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch.bench import persona
from nanoresearch.bench.cells import BenchFolder, Chain
from nanoresearch.bench.chain import ChainRunner
from nanoresearch.bench.language import ASKINGS, LanguageModelSpeaker, judge_paper, models_beside
from nanoresearch.bench.persona import SimulatedResearcher
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.config import Config
from nanoresearch.paths import RunFolder
from nanoresearch.schema.benchmark import BenchSettings
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord
from tests.bench import made

TASK = load_tasks()["graph-02-connectome-transfer"]


def head(folder: RunFolder) -> RunFolder:
    record = RunRecord(
        id="r", topic="t", profile=Profile(), config={}, seed=0, versions={}, status="done", created="", updated=""
    )
    folder.save("run.json", record)
    return folder


def scripted(tmp_path: Path, **roles: list[dict[str, object]]) -> Config:
    """A configuration in which scripts play these roles."""
    script = tmp_path / "script.json"
    script.write_text(
        json.dumps({"roles": {role: [{"output": reply} for reply in said] for role, said in roles.items()}})
    )
    return Config(models={"roles": dict.fromkeys(roles, f"scripted:{script}")})  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return head(RunFolder(tmp_path / "run"))


def test_a_model_speaks_for_what_is_missing_and_pays_beside_the_run(
    tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persona, "Artifacts", lambda folder: made.run(blueprint=made.blueprint()))
    config = scripted(tmp_path, persona=[{"text": "Far too few repetitions for my taste."}])
    beside = RunFolder(tmp_path / "asked")
    before = run.path("run.json").read_bytes()
    with models_beside(config, run, beside) as models:
        source = SimulatedResearcher(TASK, run, LanguageModelSpeaker(models), 0, 1)
        assert source.ask("ideation_and_planning", "s") == "Far too few repetitions for my taste."
        told = models.script("persona").asked[0].text
    assert "ten" in told
    assert TASK.extra_context.persona.role in told
    assert run.path("run.json").read_bytes() == before
    assert beside.load("run.json", RunRecord).phases["asked"].model_calls == 1


def test_a_model_that_repeats_a_directive_is_asked_again(tmp_path: Path, run: RunFolder) -> None:
    wishes = [item for item in TASK.extra_context.checks if item.implicit]
    config = scripted(
        tmp_path, persona=[{"text": "Please: repeat over ten seeds."}, {"text": "Ten repetitions, please."}]
    )
    with models_beside(config, run, RunFolder(tmp_path / "asked")) as models:
        said = LanguageModelSpeaker(models).say(TASK.extra_context.persona, "writing", wishes, "")
    assert said == "Ten repetitions, please."


def test_a_judge_is_asked_several_times_for_every_dimension(tmp_path: Path, run: RunFolder) -> None:
    scores = [float(n % ASKINGS) for n in range(5 * ASKINGS)]
    config = scripted(tmp_path, judge=[{"score": score, "reason": "r"} for score in scores])
    paper = made.run(manuscript=made.paper(results="Words that only this paper has."), blueprint=made.blueprint())
    with models_beside(config, run, RunFolder(tmp_path / "asked")) as models:
        judged = judge_paper(models, TASK, paper)
        asked = [item.text for item in models.script("judge").asked]
    assert [item.dimension for item in judged] == [
        "compliance", "executability", "effectiveness", "innovation", "expression",
    ]  # fmt: skip
    assert all(sorted(item.scores) == [0.0, 1.0, 2.0] for item in judged)
    assert all(item.mean == 1.0 and item.variance == pytest.approx(2 / 3) for item in judged)
    assert len({item.prompt_sha256 for item in judged}) == 5
    assert all("Words that only this paper has." in text for text in asked)
    assert all(requirement in asked[0] for requirement in TASK.user_requirements)


@pytest.fixture
def _ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that hear their researcher at once and end."""
    from nanoresearch.bench import chain as chains

    def create(home, request):  # type: ignore[no-untyped-def]
        return head(RunFolder(home.runs / "r"))

    def carry_on(home, folder, source, *listeners, **options):  # type: ignore[no-untyped-def]
        folder.path("said").write_text(source.ask("ideation_and_planning", ""))

    monkeypatch.setattr(chains, "create_run", create)
    monkeypatch.setattr(chains, "carry_on", carry_on)


@pytest.mark.usefixtures("_ended")
def test_a_chain_uses_the_models_that_are_configured(tmp_path: Path) -> None:
    said = [{"text": "More repetitions."}]
    config = scripted(tmp_path, persona=said, judge=[{"score": 5, "reason": "r"}] * (5 * ASKINGS))
    bench = BenchFolder(tmp_path / "bench")
    bench.begin(BenchSettings(config=config.model_dump(mode="json"), data="d", models="m"))
    chain = Chain(TASK.question_id, "static", 0)
    ChainRunner(bench, chain, print).run(1, held_out=False)
    assert (bench.home(chain).runs / "r" / "said").read_text() == "More repetitions."
    judged = bench.judged(chain.cell(1))
    assert [item.mean for item in judged] == [5.0] * 5
    assert {item.model for item in judged} == {f"scripted:{tmp_path / 'script.json'}"}
