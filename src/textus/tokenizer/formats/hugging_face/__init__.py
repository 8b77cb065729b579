"""The parts of a tokenizer.json, each read and written side by side.

tokens.py added tokens; normalizers.py; splitters.py, called pre_tokenizer there; models.py;
decoders.py. What is not known is refused by its name, never read half.
"""
