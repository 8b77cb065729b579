"""The step, and the loop around it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from textus.data.batch import IGNORED, Batch
from textus.errors import TrainingError
from textus.model.experts import Routing
from textus.model.transformer import Transformer
from textus.parallel.collectives import (
    any_process,
    barrier,
    rank,
    sum_gradients,
    sum_over_processes,
)
from textus.train.checkpoint import (
    TrainState,
    load_checkpoint,
    newest_checkpoint,
    remove_older,
    save_checkpoint,
)
from textus.train.config import TrainConfig
from textus.train.metrics import MetricsLog, Record
from textus.train.objective import Losses, batch_losses
from textus.train.optimizer import make_optimizers
from textus.train.schedule import learning_rate_factor


class BatchSource(Protocol):
    """Where batches come from: for each step, the micro-batches of this process."""

    def __next__(self) -> list[Batch]: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


Evaluate = Callable[[Transformer], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Who hears of a run while it goes on."""

    record: Callable[[Record], None] = lambda record: None
    """Gets every record of the metrics."""
    say: Callable[[str], None] = lambda text: None
    """Gets what a person should know: where the run resumes, what was skipped."""
    stopping: Callable[[], bool] = lambda: False
    """Asked after each step; True ends the run after a checkpoint."""


class Trainer:
    """A model, its optimizers and its data, and the state that they share."""

    def __init__(
        self,
        model: Transformer,
        batches: BatchSource,
        config: TrainConfig,
        folder: Path,
        companions: Sequence[Path] = (),
    ):
        """`folder` gets `metrics.jsonl` and `checkpoints/`; what it holds already is continued by
        `run`. `companions` are files to be copied into each checkpoint."""
        self.companions = companions
        self.model = model.train()
        self.batches = batches
        self.config = config
        self.folder = folder
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.routing = Routing(model)
        """What the model's experts were given in the latest step, all processes together."""
        self.losses: dict[str, float] = {}
        """Those of the latest step, by the names of `Losses`."""
        self.optimizers = make_optimizers(model, config.optimizer)
        self.state = TrainState()
        self.device = self.parameters[0].device
        self._first: list[Batch] | None = None

    def run(self, evaluate: Evaluate | None = None, listener: Listener | None = None) -> bool:
        """Trains from the newest checkpoint to the last step. False if it was asked to stop before.

        Raises TrainingError when loss or gradients stay without a finite value.
        """
        listener = listener or Listener()
        self._resume(listener)
        log = self._open_log()
        try:
            while self.state.step < self.config.steps:
                record = self._timed_step(listener)
                stop = any_process(listener.stopping())
                self._publish(record, log, listener)
                last = self.state.step == self.config.steps
                if evaluate and (last or self.state.step % self.config.eval_every == 0):
                    self._evaluate(evaluate, log, listener)
                if last or stop or self.state.step % self.config.save_every == 0:
                    self._save(log)
                if stop:
                    return last
        finally:
            if log:
                log.close()
        return True

    def step(self) -> tuple[float, float]:
        """One optimizer step. Returns the mean loss of the next token in nats, and the gradients'
        norm before clipping; `losses` and `routing` tell the rest."""
        batches = self._next_batches()
        tokens = sum_over_processes(self._count_targets(batches)).item()
        sums = torch.zeros(len(Losses._fields), device=self.device)
        self.routing.counts.zero_()
        for batch in batches:
            losses = self._losses(batch, scale=1 / max(tokens, 1))
            losses.total(self.config.ahead_weight).backward()
            sums += torch.stack([part.detach() for part in losses])
        sum_gradients(self.parameters)
        sum_over_processes(self.routing.counts)
        self.losses = dict(zip(Losses._fields, sum_over_processes(sums).tolist(), strict=True))
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip).item()
        if math.isfinite(self.losses["next"]) and math.isfinite(norm):
            self._update()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        self.state.tokens += int(tokens)
        return self.losses["next"], norm

    def _losses(self, batch: Batch, *, scale: float) -> Losses:
        here = replace(
            batch, tokens=batch.tokens.to(self.device), targets=batch.targets.to(self.device)
        )
        chunk = self.config.loss_chunk
        return batch_losses(self.model, here, self.routing, scale=scale, chunk=chunk)

    def _update(self) -> None:
        factor = learning_rate_factor(self.state.step, self.config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.step()
        self.routing.balance()

    def _next_batches(self) -> list[Batch]:
        if not self.config.overfit_batch:
            return next(self.batches)
        self._first = self._first or next(self.batches)
        return self._first

    def _count_targets(self, batches: list[Batch]) -> Tensor:
        counts = (int((batch.targets != IGNORED).sum()) for batch in batches)
        return torch.tensor(sum(counts), device=self.device)

    def _timed_step(self, listener: Listener) -> Record:
        started, before = time.perf_counter(), self.state.tokens
        loss, norm = self.step()
        seconds = time.perf_counter() - started
        self.state.step += 1
        self.state.seconds += seconds
        self._count_skipped(loss, norm, listener)
        return {
            "step": self.state.step,
            "loss": loss,
            **self._further_losses(),
            "gradient_norm": norm,
            "learning_rate": learning_rate_factor(self.state.step - 1, self.config)
            * self.optimizers[0].param_groups[0]["peak"],
            "tokens": self.state.tokens,
            "skipped": self.state.skipped,
            "seconds": round(self.state.seconds, 4),
            "tokens_per_second": round((self.state.tokens - before) / seconds, 1),
        }

    def _further_losses(self) -> dict[str, float]:
        """Metrics that only some models have: of tokens beyond the next one, and of experts."""
        ahead = {"ahead_loss": self.losses["ahead"]} if self.model.config.predict_ahead else {}
        if not self.routing.layers:
            return ahead
        return ahead | {"balance_loss": self.losses["balance"]} | self.routing.statistics()

    def _count_skipped(self, loss: float, norm: float, listener: Listener) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            self.state.skipped_in_row = 0
            return
        self.state.skipped += 1
        self.state.skipped_in_row += 1
        listener.say(f"step {self.state.step} skipped: loss {loss}, gradient norm {norm}")
        if self.state.skipped_in_row >= self.config.max_skipped:
            good = newest_checkpoint(self.folder / "checkpoints", listener.say)
            raise TrainingError(
                f"loss or gradients were not finite {self.state.skipped_in_row} steps in a row, "
                f"up to step {self.state.step}; the last good checkpoint is {good or 'none yet'}. "
                "A lower train.optimizer.learning_rate or more train.warmup_steps usually help."
            )

    def _publish(self, record: Record, log: MetricsLog | None, listener: Listener) -> None:
        if log:
            log.write(record)
        listener.record(record)

    def _evaluate(self, evaluate: Evaluate, log: MetricsLog | None, listener: Listener) -> None:
        if rank() == 0:
            self.model.eval()
            self._publish({"step": self.state.step} | evaluate(self.model), log, listener)
            self.model.train()
        barrier()

    def _open_log(self) -> MetricsLog | None:
        if rank() != 0:
            return None
        return MetricsLog(
            self.folder,
            keep_bytes=self.state.metrics_bytes,
            keep_steps=self.state.step,
            tensorboard=self.config.tensorboard,
        )

    def _resume(self, listener: Listener) -> None:
        path = newest_checkpoint(self.folder / "checkpoints", listener.say)
        if path is None:
            return
        self.state = load_checkpoint(path, self.model, self.optimizers)
        if not self.config.overfit_batch:
            self.batches.restore(self.state.loader)
        if rank() == 0:
            remove_older(path, self.config.keep)  # what a process killed after saving left
        listener.say(f"resumed from {path.name}")

    def _save(self, log: MetricsLog | None) -> None:
        self.state.loader = self.batches.state()
        if log:
            self.state.metrics_bytes = log.sync()
            save_checkpoint(
                self.folder / "checkpoints",
                self.model,
                self.optimizers,
                self.state,
                keep=self.config.keep,
                companions=self.companions,
            )
        barrier()
