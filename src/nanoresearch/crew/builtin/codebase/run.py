"""Run every method of the study on every data set, for one seed.

Usage: python run.py --seed 0 [--data FOLDER] [--smoke]
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
from harness import measure, report
from train import train_and_predict

HERE = Path(__file__).resolve().parent


def conditions(sweep: dict | None) -> list[tuple[str, dict]]:
    """Each setting of the sweep, as its name in the results and as a value for the split."""
    if sweep is None:
        return [("", {})]
    return [(f"{sweep['id']}={value}", {sweep["id"]: value}) for value in sweep["values"]]


def run_method(method: dict, dataset: str, split, seed: int, condition: str, config: dict) -> None:
    """Fit, predict, score and report one method."""
    predictions, costs = train_and_predict(method["base"], method["components"], split.train, split.inputs, seed)
    for metric in config["metrics"]:
        report(method["id"], dataset, metric, evaluate.METRICS[metric](split.targets, predictions), seed, condition)
    if config["slices"]:
        for label, value in evaluate.slices(split.targets, predictions).items():
            report(method["id"], dataset, f"{config['metrics'][0]}:{label}", value, seed, condition)
    for name in config["measures"]:
        measure(method["id"], dataset, name, costs[name], seed, condition)
    if config.get("save_predictions"):
        folder = Path(os.environ.get("NANORESEARCH_PREDICTIONS", "predictions"))
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{dataset}-{condition or 'standard'}-{method['id']}-{seed}.pickle", "wb") as file:
            pickle.dump(predictions, file)


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
    options = parser.parse_args()
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    if config.get("log_versions"):
        versions = [f"{name} {importlib.metadata.version(name)}" for name in config["log_versions"]]
        print(f"Python {platform.python_version()}, {', '.join(versions)}", flush=True)
    for dataset in config["datasets"]:
        start = time.perf_counter()
        loaded = data.LOADERS[dataset](options.data)
        if config.get("log_times"):
            log(config, f"seed {options.seed}: loading {dataset}", start)
        for condition, setting in conditions(config["sweep"])[: 1 if options.smoke else None]:
            begin = time.perf_counter()
            split = data.split(loaded, config["protocol"], options.seed, setting)
            for method in config["methods"]:
                start = time.perf_counter()
                run_method(method, dataset, split, options.seed, condition, config)
                if config.get("log", "methods") == "methods":
                    log(config, f"seed {options.seed}: {dataset} {condition} {method['id']}", start)
            if config.get("log") == "conditions" or config.get("log_times"):
                log(config, f"seed {options.seed}: {dataset} {condition}", begin)
    if config.get("log_times"):
        print(f"seed {options.seed}: {time.process_time():.1f} s of processor time altogether", flush=True)


if __name__ == "__main__":
    main()
