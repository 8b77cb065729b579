"""How well a model does, in numbers that can be compared.

bits_per_byte.py  bits per byte of documents, exactly, by source; and its slow twin
held_out.py       the same over a fixed part of the held-out text, quick enough to follow training
table.py          an evaluation as lines for a person and as JSON for a file
"""
