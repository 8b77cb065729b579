import torch

torch.set_num_threads(1)  # small tensors: handing work to a second thread costs more than it saves
