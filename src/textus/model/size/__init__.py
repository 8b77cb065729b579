"""Parameters, FLOPs and memory of a model, computed from its configuration alone.

Tests compare each number with a model that was really built and run.

parameters.py   what there is to learn, part by part
flops.py        how much arithmetic a token takes
memory.py       what training and generation hold
activations.py  what autograd keeps, part by part; attending.py: of attention itself
counterpart.py  a changed model brought to the size of another
"""

from textus.model.size.activations import activation_memory
from textus.model.size.counterpart import Counterpart, Equal, counterpart
from textus.model.size.flops import flops_per_token
from textus.model.size.memory import cache_memory, training_memory
from textus.model.size.parameters import Count, ParameterCount, count_parameters

__all__ = [
    "Count",
    "Counterpart",
    "Equal",
    "ParameterCount",
    "activation_memory",
    "cache_memory",
    "count_parameters",
    "counterpart",
    "flops_per_token",
    "training_memory",
]
