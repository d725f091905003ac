"""How many cores a planner takes. Imports torch when asked."""

import os


def share_cores() -> None:
    """Half of the cores for torch, unless OMP_NUM_THREADS says otherwise; to be called before torch is imported.

    A small model gains little from more threads, and threads that spin while they wait starve each other on a machine
    with other work on it (docs/log.md).
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is imported
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
