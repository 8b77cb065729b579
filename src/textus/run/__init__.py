"""A recipe put together, and the run folder that it fills, stage by stage.

settings.py  the Recipe: every part's own settings in one tree
resolve.py   what was written, and what follows from it: the dial, `depth`
paths.py     relative paths of a recipe, made absolute
graph.py     stages and their fingerprints: what is up to date, what is stale, what is to be made
stages.py    what each stage does: parts called with one another's results
pretrain.py  the stage that trains
names.py     names inside a run folder
folder.py    finding and loading what is in a run folder
measure.py   bits per byte of held-out documents and of a person's files
show.py      a batch as the model sees it, and where the stages stand
freshness.py which finished stages were made from something made again since
notes.py     the notes in recipe.toml, read back
write.py     continue prompts
report.py    gather what report.html shows
plan.py      memory and time before anything is built
device.py    which device, and why; what machine this is
api.py       build and load from Python
"""
