"""Commands as a user meets them: exit codes, what goes to stdout and what to stderr."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nanoresearch.cli.main import LazyGroup, main
from nanoresearch.paths import Home, RunFolder
from nanoresearch.schema.run import PhaseCost, RunRecord

HEAVY = ("torch", "matplotlib", "sklearn", "numpy", "scipy", "pandas", "pydantic", "rich", "jinja2")
LLM = ("pydantic_ai", "genai_prices", "openai", "anthropic", "google.genai")
"""Libraries of language models: the builtin crew's runs do without."""


def call(*arguments: str) -> int:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def home() -> Home:
    return Home(Path(os.environ["NANORESEARCH_HOME"]))


def test_help_is_light_and_names_every_command() -> None:
    code = (
        "import sys\nfrom nanoresearch.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {(*HEAVY, *LLM)!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name in LazyGroup.places:
        assert f"  {name} " in done.stdout


def test_a_builtin_run_loads_no_library_of_language_models() -> None:
    code = (
        "import sys\nimport nanoresearch.session, nanoresearch.doctor, nanoresearch.models.routing\n"
        "from nanoresearch.cli.main import main\n"
        "try:\n    main(['models', 'list'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {LLM!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", list(LazyGroup.places))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(name, "--help") == 0
    assert "Usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", ""], 2, "topic is empty"),
        (["run", "Protein folding with AlphaFold"], 1, "Palmer penguins"),
        (["run", "--profile", "nobody", "digit classification"], 2, "profile init --name nobody"),
        (["run", "--set", "colour=red", "digit classification"], 2, "valid here: coding, crew"),
        (["run", "--feedback", "/none/such", "digit classification"], 2, "cannot be read"),
        (["run", "--crew", "magic", "digit classification"], 2, "Invalid value"),
        (["resume", "latest"], 2, "There are no runs"),
        (["show", "xyz"], 2, "There are no runs"),
        (["data", "fetch", "unicorns"], 2, "There is no data set unicorns"),
        (["nonsense"], 2, "No such command"),
        (["profile", "show", "nobody"], 2, "no profile 'nobody'"),
    ],
)
def test_bad_input_gets_a_reason_and_an_exit_code(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_missing_data_are_offered_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "Do class weights help logistic regression classify the Palmer penguins table?") == 1
    assert "nanoresearch data fetch penguins" in capsys.readouterr().err


def test_an_error_is_an_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "--json", "Protein folding") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "TopicRefused"
    assert found["exit_code"] == 1


def test_an_unwritable_home_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NANORESEARCH_HOME", str(tmp_path / "file"))
    assert call("run", "Do class weights help logistic regression on the iris table?") == 1
    assert "Set NANORESEARCH_HOME" in capsys.readouterr().err


def test_a_broken_configuration_names_line_and_column(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    home.config_file.write_text("crew = 'builtin'\n[review\n")
    assert call("run", "digit classification") == 2
    error = capsys.readouterr().err
    assert "config.toml" in error
    assert "line 2, column" in error


def test_a_profile_is_made_from_flags_alone(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--domain", "cv", "--taboo", "no deep learning, no trees", "--minutes", "3", "--format", "ieee"]
    assert call("profile", "init", "--name", "ada", "--docstrings", "no", *flags, "--json") == 0
    made = json.loads(capsys.readouterr().out)["profile"]
    assert made["taboos"] == ["no deep learning", "no trees"]
    assert made["compute"]["minutes"] == 3.0
    assert made["writing"]["format"] == "ieee"
    assert made["coding"]["docstrings"] is False
    assert call("profile", "init", "--name", "ada") == 2
    assert "exists already" in capsys.readouterr().err
    assert call("profile", "list") == 0
    assert capsys.readouterr().out.strip() == "ada"


@pytest.mark.parametrize("flags", [["--minutes", "-1"], ["--seeds", "many"], ["--name", "../x"]])
def test_a_bad_answer_is_refused(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "init", "-y", *flags) == 2
    assert "nanoresearch:" in capsys.readouterr().err


def test_the_interview_asks_every_question(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    from click.testing import CliRunner

    from nanoresearch.cli import profile

    monkeypatch.setattr("nanoresearch.cli.profile._interactive", lambda: True)
    answers = ["nlp", "robustness", "linear models", "", *[""] * 17]
    done = CliRunner().invoke(profile.profile, ["init", "--name", "bob"], input="\n".join(answers) + "\n")
    assert done.exit_code == 0, done.output
    text = (home.profiles / "bob.toml").read_text()
    assert 'domain = "nlp"' in text
    assert 'contribution = "robustness"' in text
    assert 'preferences = ["linear models"]' in text


def test_doctor_says_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    code = call("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert {"Python", "home", "git", "LaTeX", "data"} <= set(checks)
    assert code == (1 if any(check["state"] == "essential" for check in checks.values()) else 0)
    assert checks["data"]["remedy"] == "nanoresearch data fetch all"


def test_doctor_without_tools_names_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert call("doctor") == 1
    printed = capsys.readouterr().out
    assert "apt-get install git" in printed
    assert "apt-get install --no-install-recommends latexmk" in printed


def test_data_list_says_what_is_here_and_on_what_terms(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "list", "--domain", "nlp", "--json") == 0
    found = {item["id"]: item for item in json.loads(capsys.readouterr().out)["datasets"]}
    assert found["reuters-r52"]["by_name_only"] is True
    assert found["reuters-r52"]["status"] == "missing"
    assert {item["domain"] for item in found.values()} == {"nlp"}


def test_an_unfinished_run_is_not_exported(home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from nanoresearch.assemble import RunRequest, create_run
    from nanoresearch.config import Config
    from nanoresearch.schema.profile import Profile

    folder = create_run(
        home, RunRequest("Do class weights help logistic regression on iris tables?", Profile(), Config())
    )
    assert call("export", "latest", "--to", str(tmp_path / "out.zip")) == 4
    assert "fails its audit" in capsys.readouterr().err
    assert not (tmp_path / "out.zip").exists()
    assert call("export", "latest", "--to", str(tmp_path / "out.zip"), "--failing") == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert "AUDIT-FAILED.txt" in archive.namelist()
    assert call("audit", folder.id) == 4
    assert call("status", "latest", "--json") == 0
    assert call("list") == 0
    capsys.readouterr()
    assert call("show", "latest", "--json") == 0
    assert json.loads(capsys.readouterr().out)["summary"]["pdf"] is None
    assert folder.load("run.json", RunRecord).status == "running"


def test_lost_calls_are_shown_apart_from_what_was_measured(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    from nanoresearch.assemble import RunRequest, create_run
    from nanoresearch.config import Config
    from nanoresearch.schema.profile import Profile

    folder = create_run(
        home, RunRequest("Do class weights help logistic regression on iris tables?", Profile(), Config())
    )
    paid = PhaseCost(seconds=2.0, model_calls=3, tokens=500, cost_usd=0.25)
    lost = {"lost_calls": 2, "lost_tokens_estimate": 900, "lost_cost_usd_estimate": 0.75, "lost_priced_calls": 1}
    phases = {"ideation": paid.model_copy(update=lost), "planning": paid, "analysis": PhaseCost(seconds=1.0)}
    folder.save("run.json", folder.load("run.json", RunRecord).model_copy(update={"phases": phases}))
    assert call("show", "latest") == 0
    ideation, planning, analysis = capsys.readouterr().out.splitlines()[-3:]
    assert "3 model calls, 500 tokens, 0.2500 USD; not in these: 2 lost calls, by estimate at most 900" in ideation
    assert "0.7500 USD (1 of them without an estimate)" in ideation
    assert planning.endswith("3 model calls, 500 tokens, 0.2500 USD")
    assert analysis.endswith("1.0 s")


def test_a_damaged_run_does_not_hide_the_others(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    broken = RunFolder(home.runs / "20260101-000000-broken")
    broken.root.mkdir(parents=True)
    broken.path("run.json").write_text("{")
    assert call("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["broken"][0]["id"] == "20260101-000000-broken"
    assert call("show", "latest") == 1
    assert "cannot be read" in capsys.readouterr().err
