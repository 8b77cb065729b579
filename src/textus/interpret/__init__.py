"""Seeing inside: what was read, how it was cut, how the model learned.

report.py          everything a run report shows, and the page it becomes
report.html.jinja  that page: self-contained, no JavaScript
training.py        how training went, as charts
charts.py          curves as SVG that takes its colours from the page
curves.py          a run's metrics as curves: smoothed, and thinned to what an eye can tell apart
tokens.py          tokens as people can read them, white space and broken characters included
text_file.py       text files of any size, in blocks that a tokenizer cuts as the whole
tokenizers.py      how well tokenizers fit texts: numbers that need no model
tokenizer_table.py those numbers as lines for a person and as JSON
cuts.py            how a word is cut, one step after the other
cut_view.py        a text cut into tokens, in a terminal
numbers.py         numbers as people read them
"""
