"""Score predictions that were handed in against the truth that was kept back.

Trusted: started by NanoResearch on a fresh copy of its own evaluate.py. Usage:
python score.py KEPT PREDICTIONS SEED [--smoke]
"""

import json
import sys
from pathlib import Path

import evaluate
import exchange
import formats
from conditions import conditions
from harness import report

HERE = Path(__file__).resolve().parent
REFUSED = "REFUSED: "


def main() -> None:
    """Every data set, condition and method of one seed."""
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    kept, handed_in, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    for dataset in config["frozen"]:
        for number, (condition, _) in enumerate(conditions(config["sweep"], "--smoke" in sys.argv)):
            targets, order = exchange.read(kept / dataset / f"{number}.kept")
            for method in config["methods"]:
                what = f"the predictions of {method['id']} on {dataset}" + (f" at {condition}" if condition else "")
                path = handed_in / exchange.prediction_name(dataset, number, method["id"])
                try:
                    predictions = exchange.read(path, plain=True)
                    predictions = formats.FORMATS[config["format"]](targets, predictions, order)
                    score(config, targets, predictions, (method["id"], dataset, seed, condition))
                except ValueError as error:
                    sys.exit(f"{REFUSED}{what}: {error}")


def score(config: dict, targets, predictions, of: tuple) -> None:
    """Report every metric, and the slices of the first."""
    method, dataset, seed, condition = of
    for metric in config["metrics"]:
        report(method, dataset, metric, evaluate.METRICS[metric](targets, predictions), seed, condition)
    if config["slices"]:
        for label, value in evaluate.slices(targets, predictions).items():
            report(method, dataset, f"{config['metrics'][0]}:{label}", value, seed, condition)


if __name__ == "__main__":
    main()
