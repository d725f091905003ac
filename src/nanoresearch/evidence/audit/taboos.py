"""What a researcher's taboos, given in words, mean for imports and for the tags of methods.

Only taboos of the table below reach imports; any taboo reaches a tag or name that it spells out.
"""

import ast
import re
from collections.abc import Iterable, Iterator

DEEP = ("torch", "torchvision", "tensorflow", "jax", "flax", "keras", "mxnet", "paddle", "lightning", "transformers")
MODULES: dict[str, tuple[str, ...]] = {
    r"deep|neural|neuronal|\bmlps?\b|perceptron": (*DEEP, "sklearn.neural_network"),
    r"transformer|attention|pre-?trained|foundation model|language model|\bllms?\b": ("transformers", "openai"),
    r"boost": (
        "xgboost", "lightgbm", "catboost", "sklearn.ensemble.GradientBoosting", "sklearn.ensemble.HistGradientBoosting",
        "sklearn.ensemble.AdaBoost",
    ),
    r"forest": ("sklearn.ensemble.RandomForest", "sklearn.ensemble.ExtraTrees"),
    r"support vector|\bsvms?\b": ("sklearn.svm",),
    r"nearest neighbou?r|\bk-?nn\b": ("sklearn.neighbors",),
    r"gaussian process": ("sklearn.gaussian_process",),
    r"\bgpus?\b|cuda": ("cupy", "torch.cuda", "cudf", "cuml"),
    r"\btorch|pytorch": ("torch",),
    r"tensorflow": ("tensorflow", "keras"),
    r"\bkeras": ("keras",),
    r"\bjax\b": ("jax", "flax"),
}  # fmt: skip
"""Pattern of a taboo, and the beginnings of dotted names that it forbids."""


def forbidden_imports(source: str, taboos: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Imported name and the taboo that forbids it, also where the import is made by a call."""
    return forbidden_names(imported_names(source), taboos)


def forbidden_names(names: Iterable[str], taboos: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Dotted name among those imported, and the taboo that forbids it."""
    imported = sorted(names)
    for taboo in taboos:
        for pattern, prefixes in MODULES.items():
            if re.search(pattern, taboo, re.IGNORECASE):
                for name in imported:
                    if any(_begins(name, prefix) for prefix in prefixes):
                        yield name, taboo


def forbidden_tags(tags: Iterable[str], taboos: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Tag or name of a method and the taboo that spells it out."""
    for taboo in taboos:
        said = f" {_plain(taboo)} "
        for tag in tags:
            if _plain(tag) and f" {_plain(tag)} " in said:
                yield tag, taboo


def kindred_names(names: Iterable[str], taboos: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Tag or name of a method and the taboo that speaks of the same family of techniques in the table above."""
    said = [name.replace("_", " ") for name in names]
    for taboo in taboos:
        for pattern in MODULES:
            if re.search(pattern, taboo, re.IGNORECASE):
                yield from ((name, taboo) for name in said if re.search(pattern, name, re.IGNORECASE))


def imported_names(source: str) -> set[str]:
    """Dotted names that a program imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                found.add(str(node.args[0].value))
    return found


def _begins(name: str, prefix: str) -> bool:
    """Whole parts, except that a prefix with a capital may stop inside a class name."""
    if prefix.rpartition(".")[2][:1].isupper():
        return name.startswith(prefix)
    return name == prefix or name.startswith(f"{prefix}.")


def _plain(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower().replace("_", " "))
    return " ".join(word.removesuffix("s") if len(word) > 3 else word for word in words)
