"""From ids to batches: token shards, drawn in an order that can be stopped and resumed exactly.

config.py        the settings                     mixture.py   which source the next row is from
encoding.py      documents to ids on all cores    batch.py     inputs, targets, segments as tensors
shard_writer.py  writes token shards              loader.py    each step's batches for each process
shards.py        opens token shards               held_out.py  held-out documents, once through
order.py         which row of a source comes when show.py      a batch as text for the terminal
"""
