"""Fit one method and predict with it, measuring what that costs."""

import resource
import time
import warnings

from sklearn.exceptions import ConvergenceWarning

import harness
import models

# A model that did not converge is not the model the paper describes: better to stop.
warnings.filterwarnings("error", category=ConvergenceWarning)


def train_and_predict(base: str, components: list[str], train, inputs, seed: int):
    """Return the predictions for the inputs and a dictionary of costs.

    Units: seconds, milliseconds for each input, megabytes, and a count of fitted numbers.
    """
    harness.seed_all(seed)
    start = time.perf_counter()
    model = models.fit(base, components, train, seed)
    fitted = time.perf_counter()
    predictions = models.predict(model, inputs)
    done = time.perf_counter()
    costs = {
        "fit_seconds": fitted - start,
        "latency_ms": 1000 * (done - fitted) / max(1, models.count_inputs(inputs)),
        "parameter_count": models.count_parameters(model),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    return predictions, costs
