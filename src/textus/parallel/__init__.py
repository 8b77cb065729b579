"""Several processes as one: the only folder that speaks torch.distributed.

collectives.py  sums and barriers over all processes; they do nothing in a single one
"""
