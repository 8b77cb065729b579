import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from textus.parallel.collectives import (
    barrier,
    is_first,
    processes,
    rank,
    sum_gradients,
    sum_over_processes,
    world_size,
)


def test_a_single_process_is_left_alone():
    with processes(torch.device("cpu")):
        assert (rank(), world_size(), is_first()) == (0, 1, True)
        parameter = torch.ones(2, requires_grad=True)
        sum_gradients([parameter])
        assert parameter.grad is None
        parameter.grad = torch.tensor([1.0, 2.0])
        sum_gradients([parameter])
        assert parameter.grad.tolist() == [1.0, 2.0]
        tensor = torch.tensor([3.0])
        assert sum_over_processes(tensor) is tensor
        barrier()


@pytest.mark.skipif(os.name == "nt", reason="gloo under torchrun needs POSIX")
def test_three_processes_agree_on_sums_whatever_the_layout():
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "3", str(Path(__file__).with_name("three_processes.py"))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
