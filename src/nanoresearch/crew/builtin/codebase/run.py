"""Run every method of the study on every data set, for one seed.

Usage: python run.py --seed 0 [--data FOLDER] [--smoke]

With --exchange FOLDER, data sets that have a folder there come divided and without their truth. Predictions are then
handed in, to be scored by whoever kept it.
"""

import argparse
import importlib.metadata
import json
import os
import pickle
import platform
import time
from pathlib import Path

import data
import evaluate
import exchange
from harness import measure, report
from train import train_and_predict

HERE = Path(__file__).resolve().parent


def conditions(sweep: dict | None) -> list[tuple[str, dict]]:
    """Each setting of the sweep, as its name in the results and as a value for the split."""
    if sweep is None:
        return [("", {})]
    return [(f"{sweep['id']}={value}", {sweep["id"]: value}) for value in sweep["values"]]


def run_method(method: dict, dataset: str, split, seed: int, number: int, condition: str, config: dict) -> None:
    """Fit and predict with one method; score it, or hand its predictions in where the truth is elsewhere."""
    predictions, costs = train_and_predict(method["base"], method["components"], split.train, split.inputs, seed)
    if split.targets is None:
        exchange.hand_in(predictions, dataset, number, method["id"])
    else:
        score(method["id"], dataset, split.targets, predictions, seed, condition, config)
    for name in config["measures"]:
        measure(method["id"], dataset, name, costs[name], seed, condition)
    if config.get("save_predictions"):
        folder = Path(os.environ.get("NANORESEARCH_PREDICTIONS", "predictions"))
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{dataset}-{condition or 'standard'}-{method['id']}-{seed}.pickle", "wb") as file:
            pickle.dump(predictions, file)


def score(method: str, dataset: str, targets, predictions, seed: int, condition: str, config: dict) -> None:
    """Report every metric, and the slices of the first."""
    for metric in config["metrics"]:
        report(method, dataset, metric, evaluate.METRICS[metric](targets, predictions), seed, condition)
    if config["slices"]:
        for label, value in evaluate.slices(targets, predictions).items():
            report(method, dataset, f"{config['metrics'][0]}:{label}", value, seed, condition)


def log(config: dict, what: str, start: float) -> None:
    """Print that a step is done, with its seconds where the study wants them."""
    took = f" in {time.perf_counter() - start:.2f} s" if config.get("log_times") else ""
    print(f"{what} done{took}", flush=True)


def main() -> None:
    """Read the configuration and run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("NANORESEARCH_DATA", "data")))
    parser.add_argument("--smoke", action="store_true", help="first condition only, to see that the code works")
    parser.add_argument("--exchange", type=Path, default=os.environ.get("NANORESEARCH_EXCHANGE"), help="see above")
    options = parser.parse_args()
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    if config.get("log_versions"):
        versions = [f"{name} {importlib.metadata.version(name)}" for name in config["log_versions"]]
        print(f"Python {platform.python_version()}, {', '.join(versions)}", flush=True)
    for dataset in config["datasets"]:
        start = time.perf_counter()
        given = Path(options.exchange) / dataset if options.exchange else None
        given = given if given and given.is_dir() else None
        loaded = None if given else data.LOADERS[dataset](options.data)
        if config.get("log_times"):
            log(config, f"seed {options.seed}: loading {dataset}", start)
        for number, (condition, setting) in enumerate(conditions(config["sweep"])[: 1 if options.smoke else None]):
            begin = time.perf_counter()
            if given:
                split = exchange.receive(given, number, data)
            else:
                split = data.split(loaded, config["protocol"], options.seed, setting)
            for method in config["methods"]:
                start = time.perf_counter()
                run_method(method, dataset, split, options.seed, number, condition, config)
                if config.get("log", "methods") == "methods":
                    log(config, f"seed {options.seed}: {dataset} {condition} {method['id']}", start)
            if config.get("log") == "conditions" or config.get("log_times"):
                log(config, f"seed {options.seed}: {dataset} {condition}", begin)
    if config.get("log_times"):
        print(f"seed {options.seed}: {time.process_time():.1f} s of processor time altogether", flush=True)


if __name__ == "__main__":
    main()
