"""ids -> logits: single-device modules in plain torch, and a model on disk.

config/         what a model is, as numbers and names; no torch
presets/        architectures by name: which parts, and the sizes that follow from a width
size.py         parameters, FLOPs and memory, computed from the configuration alone
transformer.py  the model: embedding, blocks, final norm, head
embedding.py    what an embedding takes from the tokens before it: n-grams, smear
attention.py    grouped-query attention, inside documents or over a cache, and its slow twin
feed_forward.py plain and gated layers
position.py     rotary and other positions
norm.py         RMSNorm and LayerNorm
files.py        weights and configuration in a folder (safetensors, no pickle)
"""
