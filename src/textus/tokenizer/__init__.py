"""Text to token ids and back: byte-level byte-pair encoding, trained and applied here.

config.py settings; unicode_classes.py and pretokenize.py cut text into words; byte_level.py how
bytes are spelt in files; word_counts.py and train.py learn the merges; merge.py applies them;
vocabulary.py what was learnt; tokenizer.py the `Tokenizer` itself; stream.py text from ids as they
come; files.py tokenizer.json; reference.py the slow, obvious twins.
"""
