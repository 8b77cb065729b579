"""Raw documents in, kept documents out, and a reason for each that is not.

config.py    what a recipe may say: Source, Step, CorpusConfig
sources.py   uris -> input files and their fingerprint (remote.py: those behind a network address)
readers.py   input files -> texts, whatever their format and size
batches.py   the record batch that steps work on;  steps.py  the steps;  pipeline.py  runs them
pieces.py    cuts texts at headings and paragraphs;  held_out.py  chooses what is held out
build.py     the whole way, with report.py (its counts) and spool.py (what waits on disk)
digest_set.py which texts came before, in little memory
documents.py the kept, held-out and rejected documents on disk
"""
