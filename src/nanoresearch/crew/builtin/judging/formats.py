"""What predictions of each kind must look like, and how rows are put into an order that tells nothing.

Every check takes the truth, what code that nobody has read handed in, and the order in which it was given the rows; it
returns the predictions in the order of the truth, or raises Refused.
"""

import dataclasses
import hashlib

import numpy as np

TELLING = 3.0
"""Standard errors by which neighbouring rows must resemble each other for their order to tell something."""


class Refused(ValueError):
    """Predictions that cannot be scored; the message says why."""


def shuffle_of(targets):
    """An order for the rows, where the present one tells of the truth; else None. For tables, one for each.

    Drawn from the truth itself: the same whenever the data are, and unknown to whoever has only the inputs.
    """
    if isinstance(targets, dict):
        return {name: shuffle_of(truth) for name, truth in targets.items()}
    if not isinstance(targets, np.ndarray) or not telling(targets):
        return None
    content = targets.astype(str).tobytes() if targets.dtype == object else np.ascontiguousarray(targets).tobytes()
    secret = hashlib.sha256(content + str(targets.dtype).encode()).digest()
    return np.random.default_rng(np.frombuffer(secret, np.uint32)).permutation(len(targets))


def telling(targets: np.ndarray) -> bool:
    """Whether rows that follow each other have like targets more often than chance would have it."""
    if targets.ndim != 1 or len(targets) < 3:
        return False
    _, codes, counts = np.unique(targets, return_inverse=True, return_counts=True)
    shares, pairs = counts / len(targets), len(targets) - 1
    expected = float(np.sum(shares**2))
    same = float(np.mean(codes[1:] == codes[:-1]))
    if same - expected > TELLING * np.sqrt(max(expected * (1 - expected), 1e-12) / pairs):
        return True
    centred = codes - codes.mean()
    variance = float(np.mean(centred**2))
    return variance > 0 and float(np.mean(centred[1:] * centred[:-1])) / variance > TELLING / np.sqrt(pairs)


def reorder(inputs, order):
    """Inputs in a new order, and without the row numbers that tables carry along."""
    if isinstance(order, dict):
        return {name: reorder(part, order[name]) for name, part in inputs.items()}
    if hasattr(inputs, "iloc"):
        return (inputs if order is None else inputs.iloc[order]).reset_index(drop=True)
    if order is None:
        return inputs
    if isinstance(inputs, np.ndarray):
        return inputs[order]
    if isinstance(inputs, list):
        return [inputs[row] for row in order]
    if isinstance(inputs, dict):
        return {name: reorder(part, order) for name, part in inputs.items()}
    if dataclasses.is_dataclass(inputs):
        names = [field.name for field in dataclasses.fields(inputs)]
        return dataclasses.replace(inputs, **{name: reorder(getattr(inputs, name), order) for name in names})
    raise Refused(f"inputs of type {type(inputs).__name__} have no rows to put into another order")


def labels(targets, predictions, order):
    """A class for every row."""
    _check_array(predictions, (len(targets),), "the predicted labels", text=_is_text(targets))
    return _restore(predictions, order)


def numbers(targets, predictions, order):
    """A number for every row."""
    _check_array(predictions, (len(targets),), "the predicted numbers")
    return _restore(predictions, order)


def probabilities(targets, predictions, order):
    """A distribution over classes for every row, and the classes."""
    shares, classes = _parts(predictions, 2)
    _check_array(classes, (None,), "the classes", text=_is_text(targets))
    if len(np.unique(classes)) != len(classes):
        raise Refused("a class is named twice")
    _check_array(shares, (len(targets), len(classes)), "the predicted probabilities")
    if shares.min(initial=0) < -1e-9 or np.abs(shares.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise Refused("the predicted probabilities of a row are negative or do not add up to one")
    return _restore(shares, order), classes


def counts(targets, predictions, order):
    """The law of every row's count."""
    if not isinstance(predictions, dict) or set(predictions) != {"mean", "dispersion", "zero", "hurdle"}:
        raise Refused("the predicted laws are not mean, dispersion, zero and hurdle")
    for name, values in predictions.items():
        _check_array(values, (len(targets),), f"{name} of the predicted laws")
    zero = predictions["zero"]
    if predictions["mean"].min() <= 0 or predictions["dispersion"].min() < 0 or zero.min() < 0 or zero.max() > 1:
        raise Refused("a predicted law has no positive mean, a negative dispersion, or a share beyond 0 and 1")
    if predictions["hurdle"].dtype != bool:
        raise Refused("hurdle of the predicted laws is not true or false")
    return {name: _restore(values, order) for name, values in predictions.items()}


def moments(targets, predictions, order):
    """Mean and standard deviation of every row."""
    means, deviations = _parts(predictions, 2)
    _check_array(means, (len(targets),), "the means")
    _check_array(deviations, (len(targets),), "the deviations")
    if deviations.min(initial=1) <= 0:
        raise Refused("a deviation is not positive")
    return _restore(means, order), _restore(deviations, order)


def forecasts(targets, predictions, order):
    """A forecast for every series and step."""
    _check_array(predictions, targets.values.shape, "the forecasts")
    return predictions


def tables(targets, predictions, order):
    """Scores and decisions for the rows of every table."""
    if not isinstance(predictions, dict) or set(predictions) != set(targets):
        raise Refused("the predictions are not for the tables that were given")
    found = {}
    for name, truth in targets.items():
        values, decisions = _parts(predictions[name], 2)
        _check_array(values, (len(truth),), f"the scores of {name}")
        _check_array(decisions, (len(truth),), f"the decisions of {name}")
        if not np.isin(decisions, (0, 1)).all():
            raise Refused(f"a decision of {name} is neither 0 nor 1")
        found[name] = _restore(values, order[name]), _restore(decisions, order[name])
    return found


FORMATS = {
    "labels": labels,
    "numbers": numbers,
    "probabilities": probabilities,
    "counts": counts,
    "moments": moments,
    "forecasts": forecasts,
    "tables": tables,
}


def _restore(values: np.ndarray, order) -> np.ndarray:
    return values if order is None else values[np.argsort(order)]


def _parts(predictions, count: int):
    if not isinstance(predictions, tuple | list) or len(predictions) != count:
        raise Refused(f"the predictions are not {count} parts")
    return predictions


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "UO"


def _check_array(values, shape: tuple, what: str, *, text: bool = False) -> None:
    if not isinstance(values, np.ndarray):
        raise Refused(f"{what} are a {type(values).__name__}, not an array")
    wanted = tuple(there if size is None else size for size, there in zip(shape, values.shape, strict=False))
    if len(values.shape) != len(shape) or values.shape != wanted:
        raise Refused(f"{what} have the shape {values.shape}, not {shape}")
    if _is_text(values) != text:
        raise Refused(f"{what} are {'texts' if _is_text(values) else 'numbers'}, which the true ones are not")
    if values.dtype == object and not all(isinstance(item, str) for item in values.tolist()):
        raise Refused(f"{what} have gaps")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Refused(f"{what} hold a value that is not finite")
