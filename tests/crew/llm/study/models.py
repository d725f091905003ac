"""Gradient descent and what is added to it. A fit keeps the problem; a prediction is the course of the values."""

import numpy as np

STEPS = 200


def descent(problem, rng):
    """Plain gradient descent with the step length 1/L."""
    return {"momentum": False, "restart": False, "steps": STEPS}


def random_search(problem, rng):
    """The trivial reference: Gaussian steps, kept when they help."""
    return {"random": rng, "steps": STEPS}


def coordinate_descent(problem, rng):
    """The established alternative: one coordinate after the other, each minimised exactly."""
    return {"coordinates": True, "steps": STEPS}


BASES = {"baseline": descent, "random_search": random_search, "coordinate_descent": coordinate_descent}


def add_momentum(method):
    """Nesterov's momentum."""
    return {**method, "momentum": True}


def add_restart(method):
    """Forget the momentum when it points uphill."""
    return {**method, "restart": True}


COMPONENTS = {"momentum": add_momentum, "restart": add_restart}


def fit(base, components, train, seed):
    """A method, ready to start anywhere."""
    method = BASES[base](train, np.random.default_rng(seed))
    for name in components:
        method = COMPONENTS[name](method)
    return {**method, "problem": train}


def predict(model, start):
    """Values along the way from a start."""
    if "coordinates" in model:
        return _cycle(model, start)
    return _search(model, start) if "random" in model else _descend(model, start)


def _descend(model, start):
    problem = model["problem"]
    length = len(problem.target) / (2 * np.linalg.norm(problem.matrix, 2) ** 2)
    point, ahead, age = start, start, 1
    values = [_value(problem, point)]
    for _ in range(model["steps"]):
        slope = 2 * problem.matrix.T @ (problem.matrix @ ahead - problem.target) / len(problem.target)
        new = ahead - length * slope
        if model["restart"] and slope @ (new - point) > 0:
            age = 1
        weight = (age - 1) / (age + 2) if model["momentum"] else 0.0
        ahead, point, age = new + weight * (new - point), new, age + 1
        values.append(_value(problem, point))
    return np.array(values)


def _cycle(model, start):
    problem, point = model["problem"], start.copy()
    values = [_value(problem, point)]
    for step in range(model["steps"]):
        column = problem.matrix[:, step % len(point)]
        point[step % len(point)] -= column @ (problem.matrix @ point - problem.target) / (column @ column)
        values.append(_value(problem, point))
    return np.array(values)


def _search(model, start):
    problem, point = model["problem"], start
    values = [_value(problem, point)]
    for _ in range(model["steps"]):
        new = point + 0.1 * model["random"].normal(size=len(point))
        point = min((point, new), key=lambda x: _value(problem, x))
        values.append(_value(problem, point))
    return np.array(values)


def _value(problem, point):
    return float(np.mean((problem.matrix @ point - problem.target) ** 2))


def count_inputs(inputs):
    """One start."""
    return 1


def count_parameters(model):
    """Numbers that the method keeps between steps."""
    return 2 * model["problem"].matrix.shape[1] if model.get("momentum") else model["problem"].matrix.shape[1]
