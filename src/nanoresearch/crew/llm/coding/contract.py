"""What a written program must hold to, checked on its syntax trees before anything of it is run.

Finds mistakes and the cheap ways to invent results, and says precisely what to change, so that the words can be handed
back to whoever wrote the program. It is no barrier against malice: that is the sandbox, the protected files and, for
studies of a kit, the frozen evaluation.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from nanoresearch.crew.llm.coding.syntax import (
    argument_fault,
    arguments_used,
    bound_names,
    docstring,
    entries_of,
    functions_of,
    hands_back,
    imports_of,
    is_nothing,
    is_numbers,
    is_used,
    target_of,
    writes,
)
from nanoresearch.evidence.audit.taboos import forbidden_imports
from nanoresearch.execution.repository import UPSTREAM

MOST_CHARACTERS = 60_000
"""Longest file."""

MOST_COMPLAINTS = 12
"""Complaints handed back at once: more are mostly echoes of the first."""

SIGNATURES: dict[str, dict[str, tuple[str, ...]]] = {
    "data.py": {"split": ("data", "protocol", "seed", "setting")},
    "models.py": {
        "fit": ("base", "components", "train", "seed"),
        "predict": ("model", "inputs"),
        "count_inputs": ("inputs",),
        "count_parameters": ("model",),
    },
    "evaluate.py": {},
}
"""Functions that run.py and train.py call, with the meaning of their positional arguments."""

ENTRY_ARGUMENTS = {"LOADERS": ("root",), "METRICS": ("targets", "predictions")}
"""What run.py hands to the entries of a registry."""

SELF_CONTAINED = ("data.py", "evaluate.py")
"""Files that import no other file of the program: what divides and scores must not change through a back door."""

HARNESS = frozenset({"harness", "run", "train", "exchange"})
RESERVED = frozenset({"tests.py", "summary.py", "setup.py", "conftest.py"})

_NETWORK = "the experiment has no network"
_PROCESSES = "the experiment is one process"
_REFLECTION = "programs must not look into other programs"
_PICKLE = "files that run code when they are read are not allowed"
FORBIDDEN = {
    **dict.fromkeys(
        ("socket", "ssl", "http", "urllib", "urllib3", "ftplib", "smtplib", "socketserver", "xmlrpc", "asyncio",
         "requests", "httpx", "aiohttp", "webbrowser"), _NETWORK),
    **dict.fromkeys(("subprocess", "multiprocessing", "pty", "signal", "threading"), _PROCESSES),
    **dict.fromkeys(("ctypes", "inspect", "gc", "importlib", "runpy", "code", "builtins", "atexit"), _REFLECTION),
    **dict.fromkeys(("pickle", "marshal", "shelve", "dill", "cloudpickle"), _PICKLE),
}  # fmt: skip
"""Modules that no written file imports, with the reason."""

ALLOWED_OF = {
    "os": frozenset({"path", "sep", "listdir", "walk", "scandir", "fspath", "cpu_count"}),
    "sys": frozenset({"maxsize", "float_info", "version_info", "stdout", "stderr", "setrecursionlimit"}),
}
"""What may be used of modules that can do more than an experiment should."""

FORBIDDEN_CALLS = frozenset(
    {"eval", "exec", "compile", "__import__", "globals", "input", "breakpoint", "exit", "quit", "setattr", "delattr"}
)
WRITING = frozenset({"write_text", "write_bytes", "unlink", "rmtree", "to_csv", "to_pickle", "savez", "symlink_to"})
HIDDEN_ATTRIBUTES = frozenset({"__globals__", "__builtins__", "__subclasses__", "__code__", "__dict__", "_getframe"})
REPORT_WORDS = ("NANORESEARCH_", "reports.jsonl", "results.jsonl")
UNSEEDED = frozenset({"default_rng", "RandomState"})
SEEDABLE = frozenset({"default_rng", "RandomState", "Generator", "SeedSequence", "PCG64", "Philox", "Random"})
"""What may be used of modules of random numbers: what takes a seed of its own."""


@dataclass(frozen=True)
class Contract:
    """What one experiment asks of its program."""

    registries: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Names that each registry must have, by file and registry."""
    written: tuple[str, ...]
    """Files that must be written, in the order in which they build on each other."""
    trusted: Mapping[str, str]
    """Files that come from the package and are not written."""
    packages: frozenset[str]
    """Modules that may be imported besides those of Python itself."""
    results_of: frozenset[str]
    """Ids of methods, data sets and metrics: a table of numbers under two of them is taken for written results."""
    taboos: tuple[str, ...] = ()
    """What the researcher rules out, in words."""
    slices: bool = False
    """Whether evaluate.py must have slices()."""
    sweep: str | None = None
    """Id of the varied condition, which split() must heed."""
    upstream: frozenset[str] = frozenset()
    """Modules of the code of others that the program is built on."""


def check_program(files: Mapping[str, str], contract: Contract) -> list[str]:
    """What is wrong with the written files of a program; nothing when they hold to the contract."""
    complaints = [f"{name} is missing: it must be written" for name in contract.written if name not in files]
    own = {name: text for name, text in files.items() if name not in contract.trusted}
    modules = {PurePosixPath(name).stem for name in own if name.endswith(".py")} | _stems(contract.trusted)
    for name, text in own.items():
        complaints += check_file(name, text, contract, modules)
    if not complaints:
        complaints += _check_links({name: text for name, text in files.items() if name.endswith(".py")})
        complaints += _check_torch(own)
    return complaints[:MOST_COMPLAINTS]


def check_file(name: str, text: str, contract: Contract, modules: Iterable[str]) -> list[str]:
    """What is wrong with one written file, each with its place. `modules` are those of the program, written or not."""
    if fault := bad_name(name, contract):
        return [fault]
    if not name.endswith(".py"):
        return []
    if len(text) > MOST_CHARACTERS:
        return [f"{name} has {len(text)} characters; {MOST_CHARACTERS} are the most. Divide it, or write less."]
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return [f"{name}{place}: this is not Python: {getattr(error, 'msg', error)}"]
    checks = (
        _check_imports(name, tree, contract, frozenset(modules)),
        _check_uses(tree),
        _check_randomness(tree),
        _check_functions(tree),
        _check_signatures(name, tree, contract),
        _check_registries(name, tree, contract),
        _check_division(name, tree, contract),
        _check_results(tree, contract),
    )
    found = [f"{name}, line {line}: {words}" for check in checks for line, words in check]
    found += [f"{name} imports {module}, against the taboo {taboo!r}" for module, taboo in _taboos(text, contract)]
    return list(dict.fromkeys(found))[:MOST_COMPLAINTS]


Places = Iterator[tuple[int, str]]
"""Lines with what is wrong there."""


def bad_name(name: str, contract: Contract) -> str:
    """Why a file may not be written under that name, or nothing."""
    if name in contract.trusted:
        return f"{name} belongs to the harness and is not yours to write"
    if not name.endswith(".py"):
        return f"{name} is not asked for: write Python files only"
    if not re.fullmatch(r"[a-z][a-z0-9_]*\.py", name):
        return f"{name!r} is no file name: use small letters, digits and _, without folders, such as layers.py"
    stem = name.removesuffix(".py")
    if name in RESERVED or stem in sys.stdlib_module_names or stem in contract.packages | contract.upstream:
        return f"{name} would be taken for another module of that name: choose another"
    return ""


def _check_imports(name: str, tree: ast.Module, contract: Contract, modules: frozenset[str]) -> Places:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "relative imports do not work here: import by the file's name"
            continue
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        whole = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        taken = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        for module in whole:
            root = module.partition(".")[0]
            if fault := _import_fault(name, root, taken, contract, modules):
                yield node.lineno, fault
        if "*" in taken:
            yield node.lineno, "import names one by one, not *"
        if whole[0] == "sklearn.datasets" and any(item.startswith("fetch_") for item in taken):
            yield node.lineno, f"{taken[0]} downloads, and {_NETWORK}: use the staged files"


def _import_fault(name: str, root: str, taken: list[str], contract: Contract, modules: frozenset[str]) -> str:
    if root in HARNESS:
        return f"{root} is the harness's own: it calls your functions, you do not import it"
    if root in FORBIDDEN:
        return f"{root} must not be imported: {FORBIDDEN[root]}"
    if root in modules:
        if name in SELF_CONTAINED:
            return f"{name} must be complete by itself: it must not import {root}"
        if root == "evaluate":
            return "methods must not import what scores them"
        if root == "data":
            used = {"LOADERS", "split", *contract.registries.get("data.py", {}).get("LOADERS", ())} & set(taken)
            if used or not taken:
                return "methods get their data handed over: of data, only import its classes by name"
        return ""
    if root in contract.upstream:
        return f"{name} must be complete by itself: it must not import {root}" if name in SELF_CONTAINED else ""
    if root in ALLOWED_OF and taken and (unfit := sorted(set(taken) - ALLOWED_OF[root])):
        return f"{root}.{unfit[0]} must not be used"
    if root not in sys.stdlib_module_names and root not in contract.packages:
        known = ", ".join(sorted(contract.packages)) + (" and the repository's" if contract.upstream else "")
        if root == UPSTREAM and contract.upstream:
            return f"{root} is a folder: import each of the repository's modules by its own name"
        return f"{root} is neither installed nor allowed; besides Python's own modules there are {known}"
    return ""


def _check_uses(tree: ast.Module) -> Places:
    """Calls and attributes that no experiment needs."""
    docstrings = {id(text) for node in ast.walk(tree) if (text := docstring(node)) is not None}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in FORBIDDEN_CALLS:
                yield node.lineno, f"{node.func.id}() must not be used"
            if node.func.id == "open" and writes(node):
                yield node.lineno, "nothing is written to files: predictions are returned, and the harness reports"
        if isinstance(node, ast.Attribute):
            base = node.value.id if isinstance(node.value, ast.Name) else ""
            if base in ALLOWED_OF and node.attr not in ALLOWED_OF[base]:
                yield node.lineno, f"{base}.{node.attr} must not be used"
            if node.attr in WRITING:
                yield node.lineno, f".{node.attr}: nothing is written to files or removed"
            if node.attr in HIDDEN_ATTRIBUTES:
                yield node.lineno, f".{node.attr}: {_REFLECTION}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if any(word in node.value for word in REPORT_WORDS):
                yield node.lineno, "only the harness reports results: they are never written by hand"
            if re.match(r"(https?|ftp|s3)://", node.value):
                yield node.lineno, f"{node.value[:60]!r}: {_NETWORK}"


def _check_randomness(tree: ast.Module) -> Places:
    """Random numbers that no seed decides."""
    plain = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "random"
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in UNSEEDED and not node.args and not node.keywords:
            yield node.lineno, f"{called}() without a seed gives other numbers on every run: hand the seed on"
        if isinstance(node.func, ast.Attribute) and called not in SEEDABLE:
            of = ast.unparse(node.func.value)
            if of in ("np.random", "numpy.random") or of in plain:
                yield node.lineno, f"{of}.{called} is seeded nowhere: use rng = np.random.default_rng(seed)"


def _check_functions(tree: ast.Module) -> Places:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(is_nothing(item) for item in node.body):
            yield node.lineno, f"{node.name}() is empty: write it out, or leave it away"


def _check_signatures(name: str, tree: ast.Module, contract: Contract) -> Places:
    wanted = dict(SIGNATURES.get(name, {}))
    if name == "evaluate.py" and contract.slices:
        wanted["slices"] = ("targets", "predictions")
    functions = functions_of(tree)
    for function, arguments in wanted.items():
        if function not in functions:
            yield 1, f"the function {function}({', '.join(arguments)}) is missing"
        elif fault := argument_fault(functions[function], arguments):
            yield functions[function].lineno, fault


def _check_registries(name: str, tree: ast.Module, contract: Contract) -> Places:
    functions, classes = functions_of(tree), {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for registry, keys in contract.registries.get(name, {}).items():
        nodes = [node for node in tree.body if target_of(node) == registry]
        shown = ", ".join(repr(key) for key in keys)
        if len(nodes) != 1 or not isinstance(value := getattr(nodes[0], "value", None), ast.Dict):
            yield 1, f"there must be exactly one {registry} = {{...}} at the left margin, with the keys {shown}"
            continue
        line = nodes[0].lineno
        entries = entries_of(value)
        if len(entries) < len(value.keys):
            yield line, f"the keys of {registry} must be plain texts, each once"
        if lacking := [key for key in keys if key not in entries]:
            yield line, f"{registry} lacks {', '.join(lacking)}"
        if extra := [key for key in entries if key not in keys]:
            yield line, f"{registry} has {', '.join(extra)}, which the experiment does not have"
        if len({ast.dump(item) for item in entries.values()}) < len(entries):
            yield line, f"{registry} has the same code under two names: each name stands for something of its own"
        for key, item in entries.items():
            yield from _check_entry(registry, key, item, functions, classes | imported)
        if name == "models.py" and keys and not is_used(tree, registry, nodes[0]):
            yield line, f"{registry} is used nowhere: fit() must build what it is asked for from {registry}"


def _check_entry(
    registry: str, key: str, item: ast.expr, functions: Mapping[str, ast.FunctionDef], known: set[str]
) -> Places:
    where = f"{registry}[{key!r}]"
    if isinstance(item, ast.Constant | ast.Lambda | ast.Dict | ast.List | ast.Tuple):
        yield item.lineno, f"{where} must be a function with a name and a body"
        return
    if not isinstance(item, ast.Name):
        return
    if item.id not in functions:
        if item.id not in known:
            yield item.lineno, f"{where}: {item.id} is not defined in this file"
        return
    function = functions[item.id]
    arguments = ENTRY_ARGUMENTS.get(registry)
    if arguments and (fault := argument_fault(function, arguments)):
        yield function.lineno, fault
    if registry in ("COMPONENTS", "METRICS") and hands_back(function):
        yield function.lineno, f"{where} does nothing: it hands back what it is given, or a constant"
    if registry == "METRICS" and not arguments_used(function, {1}):
        yield function.lineno, f"{where} does not look at the predictions"


def _check_division(name: str, tree: ast.Module, contract: Contract) -> Places:
    split = functions_of(tree).get("split") if name == "data.py" else None
    if split is None:
        return
    if not arguments_used(split, {2}):
        yield split.lineno, "split() does not use the seed: every seed must give another division or other data"
    if contract.sweep and not arguments_used(split, {3}):
        yield (
            split.lineno,
            f"split() does not use its setting, {{{contract.sweep!r}: value}}: it must vary the condition",
        )


def _check_results(tree: ast.Module, contract: Contract) -> Places:
    """Numbers under the names of methods, data sets or metrics."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            named = [item for key, item in entries_of(node).items() if key in contract.results_of]
            if len(named) > 1 and all(is_numbers(item) for item in named):
                yield (
                    node.lineno,
                    "this table has numbers under the names of methods, data sets or metrics: "
                    + ("results are computed, never written down"),
                )


def _check_links(files: Mapping[str, str]) -> list[str]:
    """Names taken from other files of the program that are not there, and files that import each other in a circle."""
    trees = {name.removesuffix(".py"): ast.parse(text) for name, text in files.items()}
    offered = {module: bound_names(tree) for module, tree in trees.items()}
    complaints, edges = [], {}
    for module, tree in trees.items():
        edges[module] = {item for item in imports_of(tree) if item in trees}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in offered:
                lacking = [alias.name for alias in node.names if alias.name not in offered[node.module]]
                complaints += [
                    f"{module}.py, line {node.lineno}: {node.module}.py has no {item}"
                    for item in lacking
                    if item != "*"
                ]
    for module in trees:
        reached: set[str] = set()
        frontier = edges[module]
        while frontier:
            reached |= frontier
            frontier = set().union(*(edges[item] for item in frontier)) - reached
        if module in reached:
            complaints.append(f"{module}.py imports itself by way of other files: break the circle")
    return complaints


def _check_torch(files: Mapping[str, str]) -> list[str]:
    using = sorted(name for name, text in files.items() if "torch" in imports_of(ast.parse(text)))
    if using and not any("manual_seed" in text for text in files.values()):
        return [f"{using[0]} uses torch, and nothing calls torch.manual_seed(seed)"]
    return []


def _taboos(text: str, contract: Contract) -> Iterator[tuple[str, str]]:
    return forbidden_imports(text, contract.taboos)


def imported_modules(files: Mapping[str, str]) -> set[str]:
    """Top-level modules that the Python files of a program import, those of the program left out."""
    found = set().union(*(imports_of(ast.parse(text)) for name, text in files.items() if name.endswith(".py")))
    return found - _stems(files)


def _stems(names: Iterable[str]) -> set[str]:
    return {name.removesuffix(".py") for name in names if name.endswith(".py")}
