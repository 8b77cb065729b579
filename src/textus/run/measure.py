"""Looking at a run folder: evaluation, batches, where the stages stand."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from textus.corpus.config import CorpusConfig, Source
from textus.corpus.plain import read_texts
from textus.data.heldout import iterate_documents
from textus.data.loader import Loader
from textus.data.shards import open_shards
from textus.data.show import show_batch
from textus.errors import StoreError
from textus.evaluate.bits_per_byte import Evaluation, evaluate_documents, evaluate_texts
from textus.progress import Progress
from textus.run.device import choose_device
from textus.run.folder import load_recipe, load_run
from textus.run.graph import status
from textus.run.pretrain import make_loader
from textus.run.stages import STAGES
from textus.store import read_manifest
from textus.tokenizer.tokenizer import Tokenizer
