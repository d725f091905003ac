"""Questions about the syntax tree of a written file that the contract asks. Runs and imports nothing."""

import ast
import copy


def interface(name: str, text: str, *, registries: bool = True) -> str:
    """What other files may use of one, as Python: classes and functions with their signatures and first words.

    Names and annotations only: what is assigned, and what an argument is by default, may be private to its author.
    `registries` shows the keys of dictionaries in capitals.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return f"# {name} cannot be read"
    lines = [f"# {name}"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            lines.append(f"class {node.name}:  # {_first_words(node)}")
            lines += [f"    {_declared(item)}" for item in node.body if isinstance(item, ast.AnnAssign)]
            lines += [f"    {_heading(item)}" for item in node.body if isinstance(item, ast.FunctionDef)]
        elif isinstance(node, ast.FunctionDef):
            lines.append(_heading(node))
        elif (target := target_of(node)) is not None and target.isupper():
            keys = ", ".join(repr(key) for key in keys_of(getattr(node, "value", None)) if registries)
            lines.append(f"{target} = {{{keys}}}" if keys else f"{target} = ...")
    return "\n".join(lines)


def functions_of(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Functions at module level by name."""
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def target_of(node: ast.stmt) -> str | None:
    """Name that a statement assigns to, if it is a single plain one."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None


def entries_of(node: ast.Dict) -> dict[str, ast.expr]:
    """Values of a dictionary display by their keys, where those are plain texts."""
    pairs = zip(node.keys, node.values, strict=True)
    return {key.value: item for key, item in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def keys_of(value: ast.expr | None) -> list[str]:
    """Those keys of a value; none of what is no dictionary display."""
    return list(entries_of(value)) if isinstance(value, ast.Dict) else []


def bound_names(tree: ast.Module) -> set[str]:
    """Every name that a module binds or mentions."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    names |= {item.id for node in tree.body for item in ast.walk(node) if isinstance(item, ast.Name)}
    return names | {
        (alias.asname or alias.name).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def imports_of(tree: ast.Module) -> set[str]:
    """Top-level modules that are imported anywhere in a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def docstring(node: ast.AST) -> ast.expr | None:
    """The node of a docstring, if there is one."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[0].value
    return None


def arguments_used(function: ast.FunctionDef, positions: set[int]) -> bool:
    """Whether a function's body reads its positional arguments at these places."""
    names = [item.arg for item in [*function.args.posonlyargs, *function.args.args]]
    read = {item.id for part in function.body for item in ast.walk(part) if isinstance(item, ast.Name)}
    return all(place >= len(names) or names[place] in read for place in positions)


def argument_fault(function: ast.FunctionDef, wanted: tuple[str, ...]) -> str:
    """Why a function cannot be called with so many positional arguments, or nothing."""
    given = [*function.args.posonlyargs, *function.args.args]
    least = len(given) - len(function.args.defaults)
    needed = [
        item for item, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if not default
    ]
    fits = least <= len(wanted) and (len(given) >= len(wanted) or function.args.vararg is not None) and not needed
    return "" if fits else f"{function.name}() is called with {len(wanted)} arguments: ({', '.join(wanted)})"


def hands_back(function: ast.FunctionDef) -> bool:
    """Whether a function only returns an argument or a constant."""
    body = [item for item in function.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    names = {item.arg for item in function.args.args}
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    value = body[0].value
    return value is None or isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id in names)


def is_nothing(item: ast.stmt) -> bool:
    """Whether a statement does nothing: pass, a bare constant, or a raised NotImplementedError."""
    if isinstance(item, ast.Raise) and item.exc is not None:
        raised = item.exc.func if isinstance(item.exc, ast.Call) else item.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return isinstance(item, ast.Pass) or (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))


def is_numbers(item: ast.expr) -> bool:
    """Whether an expression is made of written-down fractional numbers only."""
    if isinstance(item, ast.Dict):
        return bool(item.values) and all(is_numbers(value) for value in item.values)
    if isinstance(item, ast.List | ast.Tuple):
        return bool(item.elts) and all(is_numbers(value) for value in item.elts)
    return isinstance(item, ast.Constant) and isinstance(item.value, float)


def is_used(tree: ast.Module, registry: str, definition: ast.stmt) -> bool:
    """Whether a module uses a registry anywhere but in its definition."""
    return any(
        isinstance(item, ast.Name) and item.id == registry
        for node in tree.body
        if node is not definition
        for item in ast.walk(node)
    )


def writes(call: ast.Call) -> bool:
    """Whether a call of open() is not for reading only."""
    modes = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
    return any(not (isinstance(mode, ast.Constant) and str(mode.value).strip("rbt") == "") for mode in modes)


def _heading(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = copy.deepcopy(node.args)
    arguments.defaults = [ast.Constant(...) for _ in arguments.defaults]
    arguments.kw_defaults = [default and ast.Constant(...) for default in arguments.kw_defaults]
    return f"def {node.name}({ast.unparse(arguments)}){returns}: ...  # {_first_words(node)}"


def _declared(item: ast.AnnAssign) -> str:
    return f"{ast.unparse(item.target)}: {ast.unparse(item.annotation)}{' = ...' if item.value else ''}"


def _first_words(node: ast.FunctionDef | ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0][:120]
