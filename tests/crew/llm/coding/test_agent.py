"""External agents: small programs stand in for them, good ones and such that tamper, wander, hang and tell secrets."""

import json
import os
import socket
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.config import CodingConfig
from nanoresearch.crew.llm.coding import agent as agents
from nanoresearch.crew.llm.coding.agent import AgentCoder, AgentDebugger, coder_for, debugger_for
from nanoresearch.crew.llm.coding.coder import LlmCoder
from nanoresearch.crew.llm.coding.debugger import LlmDebugger
from nanoresearch.crew.llm.coding.dry_run import DryRun
from nanoresearch.crew.llm.coding.program import contract_of, finished
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.errors import ConfigError, ExecutionError
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.sandbox import SandboxMissing
from nanoresearch.schema.experiment import Patch
from nanoresearch.schema.isolation import Isolation

from .conftest import MODELS, WRITTEN, Office, briefing_for, own_blueprint
from .test_debugger import failure

GOOD = f"for name, text in {WRITTEN!r}.items(): Path(name).write_text(text)"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "dry_run", lambda *_: DryRun(outcome="passed"))


class Agency:
    """A desk whose coding agent is a few lines of Python."""

    def __init__(self, office: Office, root: Path) -> None:
        self.office = office
        self.script = root / "agent.py"

    def desk(self, does: str, isolation: Isolation | None = None, **settings: Any) -> Desk:
        head = "import os, sys, time\nfrom pathlib import Path\ntask = Path('TASK.md').read_text()\n"
        self.script.write_text(head + textwrap.dedent(does))
        settings = {
            "agent": f"{sys.executable} {self.script} {{task_file}}",
            "agent_readable": (str(self.script),),
        } | settings
        return self.office.sit({}, *([isolation] if isolation else []), **settings)

    def write(self, does: str, **settings: Any) -> dict[str, str]:
        return AgentCoder(self.desk(does, **settings)).write(briefing_for(), own_blueprint()).files

    def transcript(self, name: str = "write-1") -> str:
        return self.office.folder.path(f"coding/agent/{name}.log").read_text()


@pytest.fixture
def agency(office: Office, tmp_path: Path) -> Agency:
    return Agency(office, tmp_path)


def test_what_an_agent_writes_becomes_the_program(agency: Agency) -> None:
    does = f"""
        {GOOD}
        assert sorted(os.listdir()) == sorted(['BLUE'.lower() + 'print.json', 'CONTRACT.md', 'NOTES.md', 'TASK.md',
            'config.json', 'exchange.py', 'harness.py', 'run.py', 'train.py', *{list(WRITTEN)!r}])
        print('I have read', len(task), sys.argv[1].endswith('/TASK.md'))
    """
    files = agency.write(does)
    assert {name: files[name] for name in WRITTEN} == WRITTEN
    assert {"run.py", "README.md", "requirements.txt"} <= set(files)
    assert "exit status 0" in agency.transcript()
    assert "True" in agency.transcript()
    assert not agency.office.folder.path("coding/agent/work").exists()


def test_a_turn_that_ended_is_not_taken_again(agency: Agency) -> None:
    first = agency.write(GOOD)
    assert agency.write("raise SystemExit('never run')") == first


def test_tampering_is_undone_and_told(agency: Agency) -> None:
    files = agency.write(f"{GOOD}\nPath('harness.py').write_text('def report(*x): pass')\nPath('config.json').unlink()")
    assert '"""Record a result.' in files["harness.py"]
    assert json.loads(files["config.json"])["metrics"] == ["regret", "distance"]
    assert "changed harness.py, config.json: the originals were put back" in agency.office.said("warning")


def test_it_cannot_write_or_read_outside_its_folder(agency: Agency, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the researcher's diary")
    does = f"""
        {GOOD}
        for do in (lambda: Path({str(tmp_path / "left")!r}).write_text('x'),
                   lambda: print(Path({str(tmp_path / "secret")!r}).read_text()),
                   lambda: Path({str(agency.script)!r}).write_text('nev' + 'er'),
                   lambda: Path('../run.json').write_text('{{}}')):
            try:
                do()
            except OSError as error:
                print('refused', type(error).__name__)
        os.symlink('/etc/passwd', 'layers.py')
        Path('notes').mkdir()
    """
    files = agency.write(does)
    assert agency.transcript().count("refused") == 2  # what it wrote to a private /tmp is gone with it
    assert not agency.office.folder.path("coding/agent/run.json").exists()
    assert "never" not in agency.script.read_text()
    assert "diary" not in agency.transcript()
    assert not (tmp_path / "left").exists()
    assert "layers.py" not in files
    turn = json.loads(agency.office.folder.path("coding/agent/write-1.json").read_text())
    assert turn["ignored"] == ["layers.py", "notes"]


def test_its_environment_is_an_allow_list_and_keys_are_taken_out(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_API_KEY", "sk-very-secret-0123456789")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-it-0123456789")
    does = f"""
        {GOOD}
        print(sorted(os.environ), os.environ['AGENT_API_KEY'])
        Path('models.py').write_text({MODELS!r} + '\\n# ' + os.environ['AGENT_API_KEY'] + '\\n')
    """
    files = agency.write(does, agent_env=("AGENT_API_KEY", "NOT_SET_HERE"))
    said = agency.transcript()
    assert "'AGENT_API_KEY'" in said
    assert "OPENAI_API_KEY" not in said
    assert "NANORESEARCH_HOME" not in said
    assert "goes without NOT_SET_HERE" in agency.office.said("warning")
    everything = "".join(path.read_text() for path in agency.office.folder.root.rglob("*") if path.is_file())
    assert "very-secret" not in everything + "".join(files.values())


def test_one_that_hangs_is_ended_and_the_next_turn_is_told(agency: Agency) -> None:
    does = f"""
        if 'wrong' not in task:
            {GOOD}
            Path('models.py').unlink()
            time.sleep(60)
        print('told:', 'models.py is missing' in task)
        Path('models.py').write_text({MODELS!r})
    """
    assert agency.write(does, agent_timeout_s=1.0)["models.py"] == MODELS
    assert "was still running after 1 s and was ended" in agency.transcript("write-1")
    assert "told: True" in agency.transcript("write-2")


def test_what_never_keeps_the_contract_ends_with_its_faults(agency: Agency) -> None:
    with pytest.raises(ExecutionError, match=r"took 2 turns.*evaluate.py is missing.*exit status 3"):
        agency.write("Path('models.py').write_text('X = 1'); sys.exit(3)", rounds=1)


@pytest.mark.parametrize("allowed", [False, True])
def test_the_network_is_there_only_where_it_is_allowed(agency: Agency, allowed: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        does = f"""
            {GOOD}
            import socket
            try:
                socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)
                print('reached it')
            except OSError:
                print('no way')
        """
        agency.write(does, agent_network=allowed)
    assert ("reached it" if allowed else "no way") in agency.transcript()


def test_landlock_cannot_give_a_network(agency: Agency) -> None:
    landlock = Isolation(kind="landlock", namespaces=True)
    with pytest.raises(SandboxMissing, match="Only bubblewrap"):
        agency.write(GOOD, isolation=landlock, agent_network=True)


@pytest.mark.parametrize("template", ["codex {nothing}", "codex 'x", "codex {", "codex {folder.x}"])
def test_a_template_that_is_none(office: Office, template: str) -> None:
    with pytest.raises(ConfigError, match=r"no command: it may hold \{folder\} and \{task_file\}"):
        AgentCoder(office.sit({}, agent=template))


def test_a_program_that_is_not_there(office: Office) -> None:
    with pytest.raises(ExecutionError, match="there is no program no-such-agent"):
        AgentCoder(office.sit({}, agent="no-such-agent {folder}")).write(briefing_for(), own_blueprint())


def mend(agency: Agency, does: str, **settings: Any) -> tuple[Patch | None, dict[str, str]]:
    desk = agency.desk(does, **settings)
    files = finished(
        briefing_for(), own_blueprint(), contract_of(briefing_for(), own_blueprint(), CodingConfig()), WRITTEN
    )
    return AgentDebugger(desk).patch(briefing_for(), own_blueprint(), files, failure(), ()), files


MEND = "Path('models.py').write_text(Path('models.py').read_text().replace('steps = 300', 'steps = 400'))"


def test_what_an_agent_mends_becomes_a_patch(agency: Agency, tmp_path: Path) -> None:
    patch, files = mend(agency, f"{MEND}\nPath('CURE.md').write_text('more steps\\n\\nThe search needs more steps.')")
    assert patch is not None
    assert (patch.fix, patch.reason) == ("more_steps", "The search needs more steps.")
    assert set(patch.files) == {"models.py"}
    Codebase.create(tmp_path / "code", files).apply(patch)


def test_a_cure_beyond_its_reach_is_handed_back(agency: Agency) -> None:
    does = f"""
        print('told:', 'division is frozen' in task)
        if 'division is frozen' in task:
            {MEND}
        else:
            Path('data.py').write_text(Path('data.py').read_text().replace('np.eye(data)', '2 * np.eye(data)'))
    """
    patch, _ = mend(agency, does)
    assert patch is not None
    assert set(patch.files) == {"models.py"}
    assert patch.fix == "change_by_agent"
    assert patch.reason == "The coding agent changed models."


def test_an_agent_that_changes_nothing_knows_no_cure(agency: Agency) -> None:
    patch, _ = mend(agency, "print('I give up')")
    assert patch is None
    assert "knows no cure (exit status 0)" in agency.office.said("decision")


def test_the_configuration_chooses_the_sibling(office: Office) -> None:
    plain, agent = office.sit({}), office.sit({}, agent="codex exec {task_file}")
    assert isinstance(coder_for(plain), LlmCoder)
    assert isinstance(debugger_for(plain), LlmDebugger)
    assert isinstance(coder_for(agent), AgentCoder)
    assert isinstance(debugger_for(agent), AgentDebugger)


def test_without_any_sandbox_nothing_is_started(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise SandboxMissing("nothing isolates")

    monkeypatch.setattr(agents, "require", refuse)
    desk = agency.desk(GOOD)
    bare = Desk(desk.models, (), None, desk.config, desk.folder, desk.events, None, desk.home)
    with pytest.raises(SandboxMissing):
        AgentCoder(bare).write(briefing_for(), own_blueprint())
    assert "AGENT" not in os.environ
