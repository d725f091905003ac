"""One chain of a benchmark in a process of its own: what `nanoresearch bench run` starts, here or on a cluster."""

import argparse
import signal
import sys
from pathlib import Path

from nanoresearch.bench.cells import ABLATIONS, BenchFolder, Chain
from nanoresearch.bench.chain import ChainRunner
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.errors import NanoResearchError
from nanoresearch.execution.supervise import end_with

INTERRUPTED = 130


def main() -> int:
    """Read the options, run the chain, return the exit code. SIGTERM stops it as Ctrl-C does: its run says so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", choices=list(load_tasks()), required=True)
    parser.add_argument("--ablation", choices=ABLATIONS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--held-out", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--parent", type=int, help="Process with which the chain ends (Linux).")
    options = parser.parse_args()
    chain = Chain(options.task, options.ablation, options.seed)
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if options.parent is not None and not end_with(options.parent):
            return INTERRUPTED
        runner = ChainRunner(BenchFolder(options.out.resolve()), chain, lambda text: print(text, file=sys.stderr))
        runner.run(options.rounds, held_out=options.held_out)
    except NanoResearchError as error:
        print(f"{chain.name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
