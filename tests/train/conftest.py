import pytest
import torch

torch.set_num_threads(1)  # small tensors: handing work to a second thread costs more than it saves


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Each test begins with the same random numbers, whichever ran before it."""
    torch.manual_seed(0)
