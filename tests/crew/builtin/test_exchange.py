"""What goes into an experiment and what comes out of it, as files of values."""

import importlib.util
import json
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

BUILTIN = Path(__file__).parents[3] / "src/nanoresearch/crew/builtin"


def program(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, BUILTIN / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


exchange = program("codebase/exchange.py")
formats = program("judging/formats.py")


@dataclass
class Part:
    values: object
    name: str = "part"


def back(tmp_path: Path, value: object, *, plain: bool = False) -> object:
    exchange.write(tmp_path / "value", value)
    return exchange.read(tmp_path / "value", SimpleNamespace(Part=Part), plain=plain)


@pytest.mark.parametrize("plain", [False, True])
@given(
    value=arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.bool_, np.uint8, "<U3"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_arrays_come_back_as_they_were(tmp_path_factory, plain: bool, value: np.ndarray) -> None:
    found = back(tmp_path_factory.mktemp("exchange"), (value, [value, {"x": value}]), plain=plain)
    for array in (found[0], found[1][0], found[1][1]["x"]):
        assert array.dtype == value.dtype
        np.testing.assert_array_equal(array, value)


def test_layouts_records_tables_and_graphs_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", None, "b"], "n": [1, 2, 3], "x": [0.5, np.nan, 2]}, index=[7, 3, 5])
    frame["kind"] = pd.Categorical(["u", "v", "u"])
    whole = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"])
    graph = nx.Graph()
    graph.add_edges_from([(2, 0, {"order": 1}), (0, 1, {"order": 1.5}), (1, 2, {"order": 2})])
    turned = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    texts = np.array(["one", "two"], dtype=object)
    found = back(tmp_path, Part([frame, whole, graph, turned, texts, (48, 336), None, np.int64(3)]))
    assert type(found) is Part
    pd.testing.assert_frame_equal(found.values[0], frame)
    pd.testing.assert_frame_equal(found.values[1], whole)
    assert found.values[1].to_numpy().flags.c_contiguous == whole.to_numpy().flags.c_contiguous
    assert [list(near.items()) for _, near in found.values[2].adjacency()] == [
        list(near.items()) for _, near in graph.adjacency()
    ]
    assert found.values[3].flags.f_contiguous
    assert found.values[4].tolist() == ["one", "two"]
    assert found.values[5:7] == [(48, 336), None]
    assert found.values[7] == 3


@pytest.mark.parametrize("value", [{1, 2}, object(), np.array([object()]), np.array([{"a": 1}], dtype=object)])
def test_what_has_no_place_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(exchange.BadExchange):
        exchange.write(tmp_path / "value", value)


def forged(tree: object, layouts: list[object], content: bytes = b"") -> bytes:
    header = json.dumps({"value": tree, "arrays": layouts}).encode()
    return exchange.MAGIC + struct.pack("<Q", len(header)) + header + content


HOSTILE = {
    "pickle": pickle.dumps(np.arange(3)),
    "nothing": b"",
    "object array": forged({"array": 0}, [["|O", [1], "C"]], bytes(8)),
    "huge array": forged({"array": 0}, [["<f8", [1 << 39, 1 << 39], "C"]], bytes(8)),
    "negative shape": forged({"array": 0}, [["<f8", [-1], "C"]], bytes(8)),
    "record": forged({"record": ["system", {}]}, []),
    "frame": forged({"frame": [["list", []]]}, []),
    "graph": forged({"graph": [{}, [], []]}, []),
    "missing array": forged({"array": 3}, []),
    "last array": forged({"array": -1}, [["<f8", [1], "C"]], bytes(8)),
    "too long": forged({"array": 0}, [["<f8", [1], "C"]], bytes(9)),
    "too short": forged({"array": 0}, [["<f8", [2], "C"]], bytes(8)),
    "deep": exchange.MAGIC + struct.pack("<Q", 200_000) + b"[" * 200_000,
    "long header": exchange.MAGIC + struct.pack("<Q", 1 << 60) + b"{}",
    "not JSON": exchange.MAGIC + struct.pack("<Q", 2) + b"{x",
    "twice": forged({"dict": [["a", 1], ["a", 2]]}, []),
    "number key": forged({"dict": [[1, 1]]}, []),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "value").write_bytes(HOSTILE[name])
    with pytest.raises(exchange.BadExchange):
        exchange.read(tmp_path / "value", plain=True)


TRUTH = np.array(["a", "b", "a", "b"])
SHARES = np.full((4, 2), 0.5)
CLASSES = np.array(["a", "b"])
LAW = {"mean": np.ones(4), "dispersion": np.zeros(4), "zero": np.zeros(4), "hurdle": np.zeros(4, dtype=bool)}
TABLES = {"t": np.array([0, 1, 0, 1])}


@pytest.mark.parametrize(
    ("kind", "targets", "predictions"),
    [
        ("labels", TRUTH, TRUTH[:3]),
        ("labels", TRUTH, np.zeros(4)),
        ("labels", TRUTH, TRUTH[:, None]),
        ("labels", TRUTH, list(TRUTH)),
        ("labels", np.arange(4), np.array([0, 1, np.nan, 2])),
        ("numbers", np.ones(4), np.ones((4, 1))),
        ("numbers", np.ones(4), np.array([1, 2, np.inf, 3])),
        ("probabilities", TRUTH, (SHARES * 2, CLASSES)),
        ("probabilities", TRUTH, (SHARES + np.array([1, -1]), CLASSES)),
        ("probabilities", TRUTH, (SHARES, np.array(["a", "a"]))),
        ("probabilities", TRUTH, (SHARES[:3], CLASSES)),
        ("probabilities", TRUTH, SHARES),
        ("counts", np.ones(4), LAW | {"zero": np.full(4, 1.5)}),
        ("counts", np.ones(4), LAW | {"mean": np.zeros(4)}),
        ("counts", np.ones(4), {"mean": np.ones(4)}),
        ("moments", np.ones(4), (np.ones(4), np.zeros(4))),
        ("forecasts", SimpleNamespace(values=np.ones((3, 6))), np.ones((3, 5))),
        ("tables", TABLES, {"t": (np.ones(4), np.full(4, 2))}),
        ("tables", TABLES, {"u": (np.ones(4), np.ones(4))}),
    ],
)
def test_predictions_of_a_wrong_form_are_refused(kind: str, targets: object, predictions: object) -> None:
    order = {"t": None} if kind == "tables" else None
    with pytest.raises(formats.Refused):
        formats.FORMATS[kind](targets, predictions, order)


@pytest.mark.parametrize(
    ("kind", "predictions"),
    [
        ("labels", np.arange(60)),
        ("numbers", np.arange(60.0)),
        (
            "probabilities",
            (np.tile([0.25, 0.75], (60, 1)) + np.arange(60)[:, None] * [[1e-3, -1e-3]], np.array([0, 1])),
        ),
        ("counts", {name: np.resize(values, 60) for name, values in LAW.items()} | {"mean": np.arange(1.0, 61)}),
        ("moments", (np.arange(60.0), np.arange(1.0, 61))),
    ],
)
def test_predictions_come_back_in_the_order_of_the_truth(kind: str, predictions: object) -> None:
    """A sorted truth is shuffled, the inputs with it, and predictions for the shuffled inputs are put back."""
    targets = np.repeat([0, 1, 2], 20)
    order = formats.shuffle_of(targets)
    assert order is not None

    def shuffled(part):
        return part[order] if len(part) == 60 else part

    if isinstance(predictions, dict):
        given = {name: shuffled(part) for name, part in predictions.items()}
    else:
        given = tuple(map(shuffled, predictions)) if isinstance(predictions, tuple) else shuffled(predictions)
    found = formats.FORMATS[kind](targets, given, order)
    np.testing.assert_equal(found, predictions)


def test_an_order_that_tells_is_shuffled_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 3, 300)
    assert formats.shuffle_of(drawn) is None
    assert formats.shuffle_of(rng.normal(size=300)) is None
    for telling in (np.sort(drawn), np.sort(rng.normal(size=300)), np.array([f"word {n:03}" for n in range(90)])):
        order = formats.shuffle_of(telling)
        assert order is not None
        assert not formats.telling(telling[order])
        np.testing.assert_array_equal(order, formats.shuffle_of(telling))


def test_the_shuffle_is_unknown_without_the_truth() -> None:
    targets = np.repeat([0, 1], 50)
    other = targets.copy()
    other[[10, 90]] = other[[90, 10]]
    assert not np.array_equal(formats.shuffle_of(targets), formats.shuffle_of(other))


def test_inputs_of_every_form_follow_the_order_and_lose_row_numbers() -> None:
    order = np.array([2, 0, 1])
    frame = pd.DataFrame({"x": [10, 20, 30]}, index=[100, 101, 102])
    assert formats.reorder(frame, order)["x"].tolist() == [30, 10, 20]
    assert formats.reorder(frame, None).index.tolist() == [0, 1, 2]
    assert formats.reorder(["a", "b", "c"], order) == ["c", "a", "b"]
    found = formats.reorder(Part({"v": np.array([1, 2, 3])}, ["x", "y", "z"]), order)  # type: ignore[arg-type]
    assert (found.values["v"].tolist(), found.name) == ([3, 1, 2], ["z", "x", "y"])
