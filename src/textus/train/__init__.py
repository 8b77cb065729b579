"""The one training loop: batches and a model in, a trained model and its records out.

config.py      settings of training and of each optimizer; no torch
objective.py   what training makes small: next tokens, tokens ahead, balance of experts
loss.py        linear layer and cross-entropy in one, in chunks, and the plain twin
optimizer.py   Muon for matrices, AdamW for the rest
schedule.py    warm-up, stable, decay
loop.py        the step and the loop around it
checkpoint.py  the state of training on disk, checked and resumed bit by bit
metrics.py     a line of JSON for each step; TensorBoard on request
"""
