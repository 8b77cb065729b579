"""Seeing inside: what was read, how it was cut, how the model learned.

report.py          everything a run report shows, and the page it becomes
report.html.jinja  that page: self-contained, no JavaScript
training.py        how training went, as charts
charts.py          curves as SVG that takes its colours from the page
curves.py          a run's metrics as curves: smoothed, and thinned to what an eye can tell apart
tokens.py          tokens as people can read them, white space and broken characters included
numbers.py         numbers as people read them
"""
