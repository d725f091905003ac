"""The static check: what a good program passes, and each way to break the contract with its own words."""

import ast
import re
from typing import Any

import pytest

from nanoresearch.config import CodingConfig
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.llm.coding import syntax
from nanoresearch.crew.llm.coding.contract import Contract, check_file, check_program
from nanoresearch.crew.llm.coding.program import contract_of
from nanoresearch.crew.llm.coding.syntax import interface
from nanoresearch.schema.profile import Profile

from .conftest import DATA, EVALUATE, MODELS, WRITTEN, briefing_for, own_blueprint


def contract(**changes: Any) -> Contract:
    profile = changes.pop("profile", Profile())
    config = CodingConfig(packages=("numpy", "scipy", "sklearn"))
    return contract_of(briefing_for(profile=profile), own_blueprint(**changes), config)


def check(held: Contract | None = None, **changes: str) -> str:
    files = WRITTEN | {f"{stem}.py": text for stem, text in changes.items()}
    held = held or contract()
    return "\n".join(check_program({**files, **held.trusted}, held))


def test_a_good_program_has_no_faults() -> None:
    assert check() == ""


@pytest.mark.parametrize("kit", load_kits())
def test_the_program_text_of_every_kit_keeps_the_contract(kit: str) -> None:
    wanted = {"data.py": ["LOADERS"], "models.py": ["BASES", "COMPONENTS"], "evaluate.py": ["METRICS"]}
    files = {name: read_code(kit, name) for name in wanted}
    keys = {
        name: {registry: tuple(_keys(files[name], registry)) for registry in registries}
        for name, registries in wanted.items()
    }
    packages = frozenset(
        {"numpy", "scipy", "pandas", "sklearn", "statsmodels", "networkx", "PIL", "soundfile", "pysmiles"}
    )
    assert check_program(files, Contract(keys, tuple(files), {}, packages, frozenset({"baseline"}))) == []


def _keys(text: str, registry: str) -> list[str]:
    (node,) = [node for node in ast.parse(text).body if syntax.target_of(node) == registry]
    return syntax.keys_of(getattr(node, "value", None))


TABLE = '\nSCORES = {"baseline": 0.81, "with_momentum": 0.93}\n'


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("models", "def fit(", "def fit(:", ": this is not Python"),
        ("models", "def predict(model: Search, inputs)", "def predict(model: Search)", "called with 2 arguments"),
        ("models", '"momentum": add_momentum', "", "COMPONENTS lacks momentum"),
        ("models", '"random": build_random', '"random": build_search', "the same code under two names"),
        ("models", '"random": build_random', '"random": build_random, "magic": add_momentum', "has magic, which"),
        ("models", '"random": build_random', '"random": lambda search: search', "must be a function with a name"),
        ("models", '"random": build_random', '"random": build_nothing', "build_nothing is not defined"),
        ("models", "BASES = {", "BASES = dict() or {", "exactly one BASES"),
        ("models", "    search.momentum = 0.5\n", "", "add_momentum() is empty"),
        ("models", "    search.momentum = 0.5\n", "    return search\n", "COMPONENTS['momentum'] does nothing"),
        ("models", "    search.momentum = 0.5\n", "    raise NotImplementedError\n", "add_momentum() is empty"),
        ("models", "COMPONENTS[component](search)", "search.momentum = 1", "COMPONENTS is used nowhere"),
        ("models", "import numpy", "import harness\nimport numpy", "harness is the harness's own"),
        ("models", "import numpy", "from evaluate import regret\nimport numpy", "must not import what scores them"),
        ("models", "import numpy", "from data import LOADERS\nimport numpy", "only import its classes"),
        ("models", "import numpy", "import subprocess\nimport numpy", "subprocess must not be imported"),
        ("models", "import numpy", "import leftpad\nimport numpy", "leftpad is neither installed nor allowed"),
        ("models", "import numpy", "from layers import Net\nimport numpy", "layers is neither installed nor allowed"),
        ("models", "import numpy", "import os\nos.system('ls')\nimport numpy", "os.system must not be used"),
        ("models", "import numpy", "import os\nKEY = os.environ\nimport numpy", "os.environ must not be used"),
        ("models", "rng.normal(size=len", "np.random.normal(size=len", "np.random.normal is seeded nowhere"),
        ("models", "default_rng([seed, 1])", "default_rng()", "default_rng() without a seed"),
        ("models", "\n\nBASES", "\n\nopen('reports.jsonl', 'a')\nBASES", "only the harness reports results"),
        ("models", "\n\nBASES", "\n\nopen('x', mode='w')\nBASES", "nothing is written to files"),
        ("models", "\n\nBASES", "\n\neval('1')\nBASES", "eval() must not be used"),
        ("models", "\n\nBASES", TABLE + "\nBASES", "results are computed, never written down"),
        ("data", "default_rng(seed)", "default_rng(0)", "split() does not use the seed"),
        ("data", 'setting.get("noise", 0.0)', "0.1", "it must vary the condition"),
        ("data", "import numpy", "from models import fit\nimport numpy", "data.py must be complete by itself"),
        ("data", "    dimension = 4", '    np.loadtxt("https://example.org/x.csv")\n    dimension = 4', "no network"),
        ("evaluate", "float(predictions[-1])", "float(targets[-1])", "does not look at the predictions"),
        ("evaluate", "    return float(predictions[-1])", "    return 0.01", "METRICS['regret'] does nothing"),
    ],
)  # fmt: skip
def test_each_breach_is_told_precisely(file: str, old: str, new: str, complaint: str) -> None:
    text = WRITTEN[f"{file}.py"]
    assert old in text
    assert complaint in check(**{file: text.replace(old, new, 1)})


def test_what_the_experiment_asks_for_beyond_the_usual() -> None:
    assert "the function slices(targets, predictions) is missing" in check(contract(slices=True))
    assert check(contract(sweep=None), data=DATA.replace('setting.get("noise", 0.0)', "0.1")) == ""
    taboo = contract(profile=Profile(taboos=("nearest neighbours",)))
    banned = "from sklearn.neighbors import KNeighborsRegressor\n" + MODELS
    assert "against the taboo 'nearest neighbours'" in check(taboo, models=banned)


def test_links_between_files() -> None:
    assert "layers.py has no Net" in check(models=f"from layers import Net\n{MODELS}", layers="DEPTH = 2\n")
    circle = check(models=f"from layers import DEPTH\n{MODELS}", layers="from models import Search\n\nDEPTH = 2\n")
    assert "imports itself by way of other files" in circle
    assert check(models=f"from layers import DEPTH\n{MODELS}", layers="DEPTH = 2\n") == ""


@pytest.mark.parametrize("name", ["../x.py", "run.py", "notes.md", "numpy.py", "json.py", "deep/net.py", "Net.py"])
def test_files_that_may_not_be_written(name: str) -> None:
    assert len(check_file(name, "X = 1\n", contract(), ())) == 1


def test_a_program_without_its_files() -> None:
    assert check_program({"models.py": MODELS}, contract())[:2] == [
        "data.py is missing: it must be written",
        "evaluate.py is missing: it must be written",
    ]
    assert "60000 are the most" in check(evaluate=EVALUATE + "# x\n" * 20_000)


def test_interfaces_show_what_others_may_use() -> None:
    shown = interface("data.py", DATA)
    assert (
        "class Task:  # A function to be minimised: its matrix (n, n) and its noise.\n    matrix: np.ndarray" in shown
    )
    assert "def split(data: int, protocol: dict, seed: int, setting: dict) -> Split: ..." in shown
    assert "LOADERS = {'quadratics'}" in shown
    assert "default_rng" not in shown


def test_interfaces_show_no_values() -> None:
    text = (
        "PATIENTS = {'jane doe': 3}\n"
        "class Store:\n    root: str = '/data/secret'\n    size: int\n    def get(self, key='secret'): ...\n"
        "def load(path: str = '/data/secret', *, token: str, site='secret', n: int = 417) -> dict: ...\n"
    )
    shown = interface("load.py", text, registries=False)
    assert not re.search("secret|417|jane", shown)
    assert "root: str = ...\n    size: int\n    def get(self, key=...): ..." in shown
    assert "def load(path: str=..., *, token: str, site=..., n: int=...) -> dict: ..." in shown
    assert "PATIENTS = ..." in shown
