"""Hands divided data in and predictions out, in files that hold values only. Travels with the code; do not edit.

A file is a line of magic, the size of a header, the header (JSON) and the bytes of the arrays, in order. Reading one
runs nothing. With plain=True, for files from code that nobody has read, only arrays of numbers and texts, texts,
numbers, lists, tuples and dictionaries with text keys are accepted, and no byte too many or too few.
"""

import dataclasses
import json
import math
import os
import re
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np

MAGIC = b"NRVALUES1\n"
KINDS = re.compile(r"[<>|=]?[biufUSmM]\d+(\[\w+\])?")
PLAIN_KINDS = re.compile(r"[<|]?[biufU]\d{1,5}")
PLAIN_HEADER_BYTES = 1 << 26
PLAIN_DIMENSIONS = 4


class BadExchange(ValueError):
    """A file that cannot be read, or a value that cannot be written; the message says why."""


def receive(folder: Path, number: int, records) -> SimpleNamespace:
    """One division of the data without its truth; `records` is the module whose classes it is made of."""
    train, inputs = read(folder / f"{number}.given", records)
    return SimpleNamespace(train=train, inputs=inputs, targets=None)


def hand_in(predictions, dataset: str, number: int, method: str) -> None:
    """Write one method's predictions for whoever knows the truth."""
    folder = Path(os.environ.get("NANORESEARCH_PREDICTIONS", "predictions"))
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / prediction_name(dataset, number, method), predictions)


def prediction_name(dataset: str, number: int, method: str) -> str:
    """Name of the file of one method's predictions."""
    return f"{dataset}.{number}.{method}.predicted"


def write(path: Path, value) -> None:
    """Write a value. Raises BadExchange for what the format has no place for."""
    arrays: list[np.ndarray] = []
    tree = _encode(value, arrays)
    layouts = []
    for array in arrays:
        turned = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        layouts.append([array.dtype.str, list(array.shape), "F" if turned else "C"])
    header = json.dumps({"value": tree, "arrays": layouts}).encode()
    with open(path, "wb") as file:
        file.write(MAGIC + struct.pack("<Q", len(header)) + header)
        for array, (_, _, layout) in zip(arrays, layouts, strict=True):
            file.write(np.ascontiguousarray(array.T if layout == "F" else array).data if array.size else b"")


def read(path: Path, records=None, *, plain: bool = False):
    """Read a value back, every array with its layout; records are plain namespaces without the module that has them.

    Raises BadExchange.
    """
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise BadExchange("it is not a file of values")
            (length,) = struct.unpack("<Q", file.read(8))
            if length > (PLAIN_HEADER_BYTES if plain else size):
                raise BadExchange("its header is too long")
            header = json.loads(file.read(length))
            layouts = [_layout(item, plain) for item in header["arrays"]]
            needed = sum(dtype.itemsize * math.prod(shape) for dtype, shape, _ in layouts)
            if needed != size - len(MAGIC) - 8 - length:
                raise BadExchange("it does not hold what its header says")
            arrays = [_array(file, *layout) for layout in layouts]
        return _decode(header["value"], arrays, records, plain)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error, RecursionError) as error:
        raise error if isinstance(error, BadExchange) else BadExchange(f"it cannot be read: {error!r:.200}") from error


def _layout(item, plain: bool):
    text, shape, order = item
    sizes = isinstance(shape, list) and all(type(n) is int and 0 <= n < 1 << 40 for n in shape)
    if not (PLAIN_KINDS if plain else KINDS).fullmatch(text) or not sizes or order not in ("C", "F"):
        raise BadExchange(f"no array may be of type {text!r:.40} with shape {shape!r:.80}")
    if plain and len(shape) > PLAIN_DIMENSIONS:
        raise BadExchange(f"an array has {len(shape)} dimensions")
    return np.dtype(text), shape, order


def _array(file, dtype: np.dtype, shape: list, order: str) -> np.ndarray:
    array = np.empty(shape[::-1] if order == "F" else shape, dtype)
    if array.nbytes:
        flat = array.reshape(-1).view(np.uint8)
        if file.readinto(flat.data) != array.nbytes:
            raise BadExchange("it ends too early")
    return array.T if order == "F" else array


def _encode(value, arrays: list[np.ndarray]):
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) is int or type(value) is float:
        return value
    if isinstance(value, np.generic):
        return {"scalar": _encode(np.asarray(value), arrays)}
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return {"texts": [list(value.shape), [_text(item) for item in value.ravel().tolist()]]}
        if not KINDS.fullmatch(value.dtype.str):
            raise BadExchange(f"arrays of type {value.dtype} cannot be handed on")
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]}
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {"record": [type(value).__name__, {name: _encode(getattr(value, name), arrays) for name in names}]}
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind == "pandas.DataFrame":
        return {"frame": _encode_frame(value, arrays)}
    if kind == "networkx.Graph":
        nodes = [[node, facts] for node, facts in value.nodes(data=True)]
        edges = [[node, list(map(list, near.items()))] for node, near in value.adjacency()]
        return {"graph": _encode([value.graph, nodes, edges], arrays)}
    raise BadExchange(f"a {kind} cannot be handed on")


def _text(item):
    if item is None or isinstance(item, str):
        return item
    if isinstance(item, float) and math.isnan(item):
        return {"gap": "nan"}
    raise BadExchange(f"an array of objects holds a {type(item).__name__}, not a text")


def _encode_frame(frame, arrays: list[np.ndarray]):
    names, index = _encode(list(frame.columns), arrays), _encode(frame.index.to_numpy(), arrays)
    if len(set(map(str, frame.dtypes))) == 1 and isinstance(frame.dtypes.iloc[0], np.dtype) and len(frame.columns):
        return [names, index, "whole", _encode(frame.to_numpy(), arrays)]
    columns = []
    for position in range(len(frame.columns)):
        column = frame.iloc[:, position]
        if str(column.dtype) == "category":
            codes, levels = column.cat.codes.to_numpy(), column.cat.categories.to_numpy()
            columns.append(["category", _encode([codes, levels, bool(column.cat.ordered)], arrays)])
        elif isinstance(column.dtype, np.dtype):
            columns.append(["plain", _encode(column.to_numpy(), arrays)])
        else:
            columns.append([str(column.dtype), _encode(column.to_numpy(dtype=object), arrays)])
    return [names, index, "columns", columns]


def _decode(tree, arrays: list[np.ndarray], records, plain: bool):
    if tree is None or isinstance(tree, bool | str | int | float):
        return tree
    if not isinstance(tree, dict) or len(tree) != 1:
        raise BadExchange("its header is not as it should be")
    ((kind, body),) = tree.items()

    def inner(item):
        return _decode(item, arrays, records, plain)

    if kind == "array":
        if type(body) is not int or body < 0:
            raise BadExchange("it names an array that it does not have")
        return arrays[body]
    if kind == "scalar":
        return inner(body)[()]
    if kind == "texts":
        return _texts(*body)
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(inner(item) for item in body)
    if kind == "dict":
        pairs = [(inner(key), inner(item)) for key, item in body]
        if len({key for key, _ in pairs}) != len(pairs) or (plain and not all(type(key) is str for key, _ in pairs)):
            raise BadExchange("a dictionary has a key twice, or one that is no text")
        return dict(pairs)
    if plain:
        raise BadExchange(f"it holds a {kind!r:.40}, which predictions have no place for")
    if kind == "record":
        name, fields = body
        build = getattr(records, name) if records else SimpleNamespace
        return build(**{key: inner(item) for key, item in fields.items()})
    if kind == "frame":
        return _decode_frame(body, inner)
    if kind == "graph":
        return _decode_graph(*inner(body))
    raise BadExchange(f"nothing is known of a {kind!r:.40}")


def _texts(shape, values) -> np.ndarray:
    count = len(values)
    if math.prod(shape) != count or not all(type(n) is int and n >= 0 for n in shape):
        raise BadExchange("an array of texts has another shape than it says")
    if not all(item is None or isinstance(item, str) or item == {"gap": "nan"} for item in values):
        raise BadExchange("an array of texts holds something else")
    array = np.empty(count, dtype=object)
    array[:] = [math.nan if isinstance(item, dict) else item for item in values]
    return array.reshape(shape)


def _decode_frame(body, inner):
    import pandas as pd

    names, index, form, content = inner(body[0]), inner(body[1]), body[2], body[3]
    if form == "whole":
        return pd.DataFrame(inner(content), index=index, columns=names, copy=False)
    columns = {}
    for position, (kind, tree) in enumerate(content):
        if kind == "category":
            codes, levels, ordered = inner(tree)
            columns[position] = pd.Categorical.from_codes(codes, levels, ordered=ordered)
        elif kind == "plain":
            columns[position] = inner(tree)
        else:
            columns[position] = pd.array(inner(tree), dtype=kind)
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.Index(names)
    return frame


def _decode_graph(facts, nodes, edges):
    import networkx as nx

    graph = nx.Graph(**facts)
    for node, known in nodes:
        graph.add_node(node, **known)
    for node, near in edges:  # as it was: also the order of every node's neighbours
        for other, known in near:
            graph._adj[node][other] = graph._adj[other].get(node, known)
    return graph
