"""A recipe put together, and the run folder that it fills, stage by stage.

settings.py  the Recipe: every part's own settings in one tree, and the dial, `depth`
graph.py     stages and their fingerprints: what is up to date, what is stale, what is to be made
stages.py    what each stage does: parts called with one another's results
pretrain.py  the stage that trains
names.py     names inside a run folder
folder.py    finding and loading what is in a run folder
measure.py   evaluate, look at batches, status
write.py     continue prompts
report.py    gather what report.html shows
plan.py      memory and time before anything is built
device.py    which device, and why; what machine this is
api.py       build and load from Python
"""
