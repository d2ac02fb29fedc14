"""One thread a test process: the machines are small and the tensors smaller."""

import torch

torch.set_num_threads(1)
