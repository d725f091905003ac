"""Whether the code does what the method section says: configuration, registries, main table, and taboos."""

import ast
import json
from collections.abc import Iterator
from typing import Any

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import RESULT
from nanoresearch.evidence.audit.taboos import forbidden_imports, forbidden_names, forbidden_tags, imported_names
from nanoresearch.execution.repository import UPSTREAM
from nanoresearch.execution.upstream import modules_of, reach
from nanoresearch.paper.escape import latex
from nanoresearch.paper.tables import SELF_REPORTED
from nanoresearch.schema.analysis import Number, Selection, Statistic, Table
from nanoresearch.schema.blueprint import MethodSpec

CONFIG = "config.json"
OWN_BASE = ("reference", "alternative")
"""Roles of methods that are programs of their own; all others are the baseline with components."""


def check_method(case: Case) -> Iterator[Doubt]:
    """The final commit against the blueprint, the main table against both."""
    sources = case.history.sources(case.history.commits[-1])
    if CONFIG not in sources:
        raise CorruptRecord(f"{names.CODE}/{CONFIG} is missing.")
    config = json.loads(sources[CONFIG])
    yield from _configuration(case, config)
    yield from _registries(sources, config)
    yield from _main_table(case)
    yield from _taboos(case, sources)


def _configuration(case: Case, config: dict[str, Any]) -> Iterator[Doubt]:
    """config.json asks for what the blueprint says."""
    blueprint = case.blueprint
    sweep, protocol = blueprint.sweep, blueprint.protocol
    wanted = {
        "datasets": [staged.card.id for staged in blueprint.datasets],
        "methods": [{"id": m.id, "base": _base(m), "components": list(m.components)} for m in blueprint.methods],
        "metrics": [metric.id for metric in blueprint.metrics],
        "sweep": {"id": sweep.id, "values": list(sweep.values)} if sweep else None,
        "protocol": {"id": protocol.id, "test_fraction": protocol.test_fraction},
        "measures": list(blueprint.measures),
        "slices": blueprint.slices,
    }
    for key, value in wanted.items():
        if key not in config or config[key] != value:
            yield f"{names.CODE}/{CONFIG}", f"its {key} are not those of the blueprint"


def _base(method: MethodSpec) -> str:
    return method.id if method.role in OWN_BASE else "baseline"


def _registries(sources: dict[str, str], config: dict[str, Any]) -> Iterator[Doubt]:
    """Every name of the configuration leads to code of its own."""
    methods = config["methods"]
    wanted = (
        ("models.py", "BASES", [method["base"] for method in methods]),
        ("models.py", "COMPONENTS", [component for method in methods for component in method["components"]]),
        ("data.py", "LOADERS", config["datasets"]),
        ("evaluate.py", "METRICS", config["metrics"]),
    )
    for file, registry, keys in wanted:
        where = f"{names.CODE}/{file}"
        if file not in sources:
            yield where, "is missing"
            continue
        tree = ast.parse(sources[file])
        entries = _entries(tree, registry)
        if entries is None:
            if keys:
                yield where, f"has no registry {registry}"
            continue
        for key in dict.fromkeys(keys):
            if key not in entries:
                yield where, f"{registry} lacks {key}"
            elif _is_empty(tree, entries[key]):
                yield where, f"{registry}: {key} does nothing"
        used = [ast.dump(entries[key]) for key in dict.fromkeys(keys) if key in entries]
        if len(set(used)) < len(used):
            yield where, f"{registry} has the same code under two names"


def _entries(tree: ast.Module, registry: str) -> dict[str, ast.expr] | None:
    """Values of a module-level dictionary display; None when there is not exactly one."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == registry for target in targets):
            found.append(node.value)
    if len(found) != 1 or not isinstance(found[0], ast.Dict):
        return None
    pairs = zip(found[0].keys, found[0].values, strict=True)
    return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}


def _is_empty(tree: ast.Module, value: ast.expr) -> bool:
    """Whether a registered function has no statement but its docstring."""
    if not isinstance(value, ast.Name):
        return False
    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == value.id]
    return bool(definitions) and all(isinstance(item, ast.Pass) or _is_constant(item) for item in definitions[-1].body)


def _is_constant(item: ast.stmt) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)


def _main_table(case: Case) -> Iterator[Doubt]:
    """Each method of the blueprint has one row under its name, and each data set a column under its own."""
    where = f"{names.ANALYSIS}: table main"
    table = next((table for table in case.analysis.tables if table.id == "main"), None)
    if table is None:
        yield names.ANALYSIS, "has no main table"
        return
    numbers = {number.key: number for number in case.numbers}
    methods = {method.id: method for method in case.blueprint.methods}
    shown = []
    for row in table.rows:
        selections = [_selections(cell, numbers) for cell in row]
        ids = {selection.method for cell in selections for selection in cell}
        if len(ids) != 1 or not ids <= set(methods):
            yield where, f"the row {row[0]} is not of one method of the blueprint"
            continue
        shown.append(ids.pop())
        if not _is_labelled(row[0], methods[shown[-1]], case):
            yield where, f"the row {row[0]} has the numbers of {shown[-1]}"
        yield from _columns(case, table, selections, where)
    if sorted(shown) != sorted(methods):
        yield where, "does not have one row for each method of the blueprint"


def _selections(cell: str, numbers: dict[str, Number]) -> list[Selection]:
    sources = [numbers[key].source for key in RESULT.findall(cell) if key in numbers]
    return [source.of for source in sources if isinstance(source, Statistic)]


def _is_labelled(label: str, method: MethodSpec, case: Case) -> bool:
    """Whether a row's label is a method's own: its name, its role, or exactly its components."""
    if latex(method.name).lower() in label.lower() or (method.role == "proposed" and "proposal" in label):
        return True
    spoken = {component.id for component in case.blueprint.components if latex(component.name).lower() in label.lower()}
    return method.role in ("variant", "proposed") and spoken == set(method.components)


def _columns(case: Case, table: Table, selections: list[list[Selection]], where: str) -> Iterator[Doubt]:
    cards = {staged.card.id: latex(staged.card.name) for staged in case.blueprint.datasets}
    own = {record.dataset for record in case.results if record.scored == "self_reported"}
    if any(id_ not in own for id_ in cards):  # papers of older versions, which froze nothing, have no mark
        cards = {id_: title + (SELF_REPORTED if id_ in own else "") for id_, title in cards.items()}
    marked = {id_: title + SELF_REPORTED for id_, title in cards.items() if own == set(cards)}
    for title, cell in zip(table.header, selections, strict=False):
        for selection in cell:
            if selection.dataset is None or title not in (cards.get(selection.dataset), marked.get(selection.dataset)):
                yield where, f"the column {title} has numbers of {selection.dataset or 'all data sets'}"
                return
            if selection.metric != case.blueprint.metrics[0].id or selection.condition or selection.seed is not None:
                yield where, f"the column {title} has numbers of another metric, setting or seed"
                return


def _used_upstream(case: Case, sources: dict[str, str]) -> frozenset[str]:
    """What the code of others imports that the program uses; the folder shows the last commit (provenance)."""
    folder = case.folder.path(f"{names.CODE}/{UPSTREAM}")
    modules = modules_of(folder) if folder.is_dir() else {}
    own = set().union(*(imported_names(text) for name, text in sources.items() if name.endswith(".py")))
    return reach(modules, {name.partition(".")[0] for name in own}).names


def _taboos(case: Case, sources: dict[str, str]) -> Iterator[Doubt]:
    """What the researcher rules out is neither imported nor part of a method."""
    taboos = case.run.profile.taboos
    for name, text in sources.items():
        if name.endswith(".py"):
            for module, taboo in forbidden_imports(text, taboos):
                yield f"{names.CODE}/{name}", f'imports {module}, against the taboo "{taboo}"'
    for module, taboo in forbidden_names(_used_upstream(case, sources), taboos):
        yield names.CODE, f'the code of others that it uses imports {module}, against the taboo "{taboo}"'
    blueprint = case.blueprint
    techniques = [(method.id, method.name, *method.tags) for method in blueprint.methods]
    techniques += [(component.id, component.name, *component.tags) for component in blueprint.components]
    for words in techniques:
        for tag, taboo in forbidden_tags(words, taboos):
            yield names.BLUEPRINT, f'{words[0]} is "{tag}", against the taboo "{taboo}"'
