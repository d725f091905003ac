"""Takes from a module of program text just the parts that a study needs, and adds to it.

Works on Python source as text and syntax tree; runs nothing.
"""

import ast
import io
import tokenize
from collections.abc import Collection, Iterator

Span = tuple[int, int]


def take(source: str, keep: dict[str, Collection[str]]) -> str:
    """Source with the named registries cut to the given keys and everything unreachable from them removed.

    A registry is a module-level dictionary display with string keys, such as LOADERS = {"wine": load_wine}. Functions
    that are not private and not reachable from a registry stay when they were not reachable from any entry before:
    they are the module's interface. Raises KeyError when a wanted key is not in its registry.
    """
    tree = ast.parse(source)
    registries = {name: node for node in tree.body if (name := _target(node)) is not None and name in keep}
    for name, keys in keep.items():
        present = _entries(registries[name]) if name in registries else {}
        missing = sorted(set(keys) - set(present))
        if missing:
            raise KeyError(f"{name} has no entry {', '.join(missing)}")
    dropped = [
        (value.lineno, value.end_lineno or value.lineno, _names(value))
        for name, node in registries.items()
        for key, value in _entries(node).items()
        if key not in keep[name]
    ]
    suspects = set().union(*(names for _, _, names in dropped)) if dropped else set()
    lines = source.splitlines()
    for first, last, _ in dropped:
        for number in range(first, last + 1):
            lines[number - 1] = ""
    return _remove_unused("\n".join(lines) + "\n", suspects)


def register(source: str, registry: str, name: str, definition: str, imports: Collection[str] = ()) -> str:
    """Source with a definition added before a module-level list, and its name appended to that list.

    Raises ValueError when the list is not there or already has the name.
    """
    tree = ast.parse(source)
    node, names = _listed(tree, registry)
    if name in names:
        raise ValueError(f"{registry} already has {name}")
    lines = source.splitlines()
    annotation = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
    lines[node.lineno - 1 : node.end_lineno] = [f"{registry}{annotation} = [{', '.join([*names, name])}]"]
    start = node.lineno - 1
    while start > 0 and lines[start - 1].startswith("#"):
        start -= 1
    while start > 0 and not lines[start - 1].strip():
        del lines[start - 1]
        start -= 1
    lines[start:start] = ["", "", *definition.strip().splitlines(), "", ""]
    last_import = max((item.end_lineno or 0) for item in tree.body if isinstance(item, ast.Import | ast.ImportFrom))
    known = set(lines)
    lines[last_import:last_import] = [line for line in imports if line not in known]
    return "\n".join(lines) + "\n"


def registered(source: str, registry: str) -> list[str]:
    """Names in a module-level list. Raises ValueError when the list is not there."""
    return _listed(ast.parse(source), registry)[1]


def strip(source: str, *, docstrings: bool, type_hints: bool, comments: bool) -> str:
    """Source without the kinds of annotation that the researcher does not want."""
    if not comments:
        source = _without_comments(source)
    if docstrings and type_hints:
        return source
    lines = source.splitlines()
    cuts: list[tuple[int, int, int, int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if not docstrings and isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            text = node.body[0]
            filler = "pass" if len(node.body) == 1 else ""
            cuts.append((text.lineno, text.col_offset, text.end_lineno or 0, text.end_col_offset or 0, filler))
        if not type_hints and isinstance(node, ast.FunctionDef):
            for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
                if argument.annotation:
                    name_end = argument.col_offset + len(argument.arg.encode())
                    end = argument.annotation
                    cuts.append((argument.lineno, name_end, end.end_lineno or 0, end.end_col_offset or 0, ""))
            if node.returns:
                line = lines[node.returns.lineno - 1]
                arrow = line.encode()[: node.returns.col_offset].decode().rindex("->")
                column = len(line[:arrow].rstrip().encode())
                cuts.append(
                    (node.returns.lineno, column, node.returns.end_lineno or 0, node.returns.end_col_offset or 0, "")
                )
    for first, start, last, stop, filler in sorted(cuts, reverse=True):
        head = lines[first - 1].encode()[:start].decode() + filler
        tail = lines[last - 1].encode()[stop:].decode()
        joined = head + tail
        lines[first - 1 : last] = [joined] if joined.strip() else []
    return "\n".join(lines) + "\n"


def _without_comments(source: str) -> str:
    lines = source.splitlines()
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            rest = lines[row - 1][:column].rstrip()
            if rest:
                lines[row - 1] = rest
            else:
                del lines[row - 1]
    return "\n".join(lines) + "\n"


def _target(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None


def _listed(tree: ast.Module, registry: str) -> tuple[ast.stmt, list[str]]:
    node = next((node for node in tree.body if _target(node) == registry), None)
    value = getattr(node, "value", None)
    if node is None or not isinstance(value, ast.List):
        raise ValueError(f"there is no list {registry}")
    return node, [ast.unparse(item) for item in value.elts]


def _entries(node: ast.stmt) -> dict[str, ast.expr]:
    value = getattr(node, "value", None)
    if not isinstance(value, ast.Dict):
        raise ValueError(f"line {node.lineno}: a registry must be a dictionary display")
    return {
        key.value: item
        for key, item in zip(value.keys, value.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _names(node: ast.AST) -> set[str]:
    """Names that code takes from outside itself: those it reads and does not bind in a function of its own."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inside = [node.body] if isinstance(node, ast.Lambda) else node.body
        arguments = node.args
        bound = {item.arg for item in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
        bound |= {item.arg for item in (arguments.vararg, arguments.kwarg) if item}
        bound |= {
            item.id for part in inside for item in _own_scope(part) if isinstance(item, ast.Name) and _stores(item)
        }
        outer = [*getattr(node, "decorator_list", []), getattr(node, "returns", None), arguments]
        return set().union(*(_names(part) for part in outer if part)) | (
            set().union(*(_names(part) for part in inside)) - bound
        )
    if isinstance(node, ast.Name):
        return {node.id}
    return set().union(*(_names(child) for child in ast.iter_child_nodes(node)))


def _own_scope(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is below it, without the insides of functions defined there."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        for child in ast.iter_child_nodes(node):
            yield from _own_scope(child)


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    target = _target(node)
    return {target} if target else set()


def _remove_unused(source: str, suspects: set[str]) -> str:
    """Remove suspects that nothing uses any more, and then what only they used, imports included."""
    while True:
        tree = ast.parse(source)
        used: dict[str, set[int]] = {}
        for index, node in enumerate(tree.body):
            for name in _names(node):
                used.setdefault(name, set()).add(index)
        spans: list[Span] = []
        partial: list[tuple[ast.ImportFrom | ast.Import, list[str]]] = []
        for index, node in enumerate(tree.body):
            defined = _defined(node)
            free = {name for name in defined if not used.get(name, set()) - {index}}
            if isinstance(node, ast.ImportFrom | ast.Import):
                if defined and free == defined:
                    spans.append(_span(node))
                elif free:
                    keep = [
                        _alias(alias) for alias in node.names if (alias.asname or alias.name).split(".")[0] not in free
                    ]
                    partial.append((node, keep))
            elif defined and free == defined and defined <= suspects:
                spans.append(_span(node))
                suspects = suspects | _names(node)
        if not spans and not partial:
            return _tidy(source)
        lines = source.splitlines()
        for node, keep in partial:
            prefix = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
            first, last = _span(node)
            lines[first - 1 : last] = [prefix + ", ".join(keep), *[""] * (last - first)]
        for first, last in sorted(spans, reverse=True):
            del lines[first - 1 : last]
        source = "\n".join(lines) + "\n"


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _span(node: ast.stmt) -> Span:
    first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
    return first, node.end_lineno or node.lineno


def _tidy(source: str) -> str:
    """At most two blank lines between definitions, none inside brackets or between imports' remains."""
    blank_rows = set()
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.OP:
            depth += token.string in "([{"
            depth -= token.string in ")]}"
        if token.type == tokenize.NL and depth > 0 and not token.line.strip():
            blank_rows.add(token.start[0])
    lines = [line for number, line in enumerate(source.splitlines(), start=1) if number not in blank_rows]
    result: list[str] = []
    for index, line in enumerate(lines):
        blanks = len(result) - len("\n".join(result).rstrip("\n").split("\n")) if result else 0
        if not line.strip():
            following = next((item for item in lines[index:] if item.strip()), "")
            importing = (
                following.startswith(("import ", "from "))
                and bool(result)
                and result[-1].startswith(("import ", "from "))
            )
            if blanks >= 2 or (importing and blanks >= 1):
                continue
        result.append(line)
    return "\n".join(result).strip("\n") + "\n"
