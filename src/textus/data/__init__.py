"""From ids to batches: token shards, drawn in an order that can be stopped and resumed exactly.

config.py   the settings                       batch.py    inputs, targets, segments as tensors
shards.py   writes token shards, opens them    loader.py   each step's batches for each process
order.py    which row of a source comes when   held_out.py held-out documents, once through
mixture.py  which source the next row is from  show.py     a batch as text for the terminal
"""
