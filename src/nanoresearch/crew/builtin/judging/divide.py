"""Load the data and divide them: what a method may see into one folder, the truth into another.

Trusted: started by NanoResearch on a fresh copy of its own data.py, where the data can be read. Usage:
python divide.py GIVEN KEPT SEED... [--smoke]
"""

import json
import os
import sys
from pathlib import Path

import data
import exchange
import formats
from conditions import conditions

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Every data set for every condition and seed."""
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    arguments = [argument for argument in sys.argv[1:] if argument != "--smoke"]
    given, kept, seeds = Path(arguments[0]), Path(arguments[1]), [int(seed) for seed in arguments[2:]]
    root = Path(os.environ.get("NANORESEARCH_DATA", "data"))
    for dataset in config["frozen"]:
        loaded = data.LOADERS[dataset](root)
        for seed in seeds:
            folders = [folder / f"seed-{seed}" / dataset for folder in (given, kept)]
            for folder in folders:
                folder.mkdir(parents=True)
            for number, (_, setting) in enumerate(conditions(config["sweep"], "--smoke" in sys.argv)):
                split = data.split(loaded, config["protocol"], seed, setting)
                for name in config["withheld"]:
                    if hasattr(split.train, name):
                        setattr(split.train, name, None)
                order = formats.shuffle_of(split.targets)
                exchange.write(folders[0] / f"{number}.given", (split.train, formats.reorder(split.inputs, order)))
                exchange.write(folders[1] / f"{number}.kept", (split.targets, order))


if __name__ == "__main__":
    main()
