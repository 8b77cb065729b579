import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from textus.data.batch import IGNORED, Batch
from textus.errors import TrainingError
from textus.model.config import ModelConfig
from textus.model.transformer import Transformer
from textus.store import file_sha256
from textus.train.config import AdamWConfig, MuonConfig
from textus.train.loop import Listener, Trainer
from textus.train.metrics import read_metrics
from textus.train.objective import Losses

MakeTrainer = Callable[..., Trainer]
Tree = dict[str, Any]


class Crash(Exception):
    pass


def _evaluate(model: Transformer) -> dict[str, float]:
    assert not model.training
    total = sum(p.detach().double().sum().item() for p in model.parameters())
    return {"held_out_bits_per_byte": total}


def _at(step: int, act: Callable[[], None]) -> Callable[[Tree], None]:
    return lambda record: act() if record["step"] == step and "loss" in record else None


def _crash() -> None:
    raise Crash


def _stopping_after(step: int) -> Listener:
    """Asks for a stop once `step` steps are done."""
    calls = iter(range(1, 1000))
    return Listener(stopping=lambda: next(calls) >= step)


def _outcome(trainer: Trainer) -> Tree:
    """All that training leaves behind, but for times."""
    records = list(read_metrics(trainer.folder))
    for record in records:
        record.pop("seconds", None), record.pop("tokens_per_second", None)
    last = trainer.folder / "checkpoints" / f"step-{trainer.config.steps:08d}"
    state = json.loads((last / "state.json").read_text())
    del state["seconds"], state["metrics_bytes"]
    files = {f.name: file_sha256(f) for f in last.glob("*.safetensors")}
    return {"records": records, "files": files, "state": state}


CASES = [
    {},
    {"model": "mixed", "micro_rows": 2},
    {"micro_rows": 1},
    {"rows_per_step": 5, "micro_rows": 2},
    {"optimizer": AdamWConfig()},
    {"optimizer": AdamWConfig(), "rows_per_step": 3, "micro_rows": 2},
    {"overfit_batch": True},
]


@pytest.mark.parametrize("settings", CASES)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, make_trainer: MakeTrainer, mixed: ModelConfig, settings: Tree
):
    settings = settings | ({"model": mixed} if "model" in settings else {})
    whole = make_trainer(tmp_path / "whole", **settings)
    assert whole.run(_evaluate)
    expected = _outcome(whole)
    for step in (3, 8):
        stopped = make_trainer(tmp_path / f"stopped-{step}", **settings)
        assert not stopped.run(_evaluate, _stopping_after(step))
        assert stopped.state.step == step
    for step in (2, 6):  # before and after the first checkpoint
        crashed = make_trainer(tmp_path / f"crashed-{step}", **settings)
        with pytest.raises(Crash):
            crashed.run(_evaluate, Listener(record=_at(step, _crash)))
    for folder in ("stopped-3", "stopped-8", "crashed-2", "crashed-6"):
        rest = make_trainer(tmp_path / folder, **settings)
        assert rest.run(_evaluate)
        assert _outcome(rest) == expected


def test_many_interruptions_end_as_none(tmp_path: Path, make_trainer: MakeTrainer):
    whole = make_trainer(tmp_path / "whole", steps=6)
    whole.run(_evaluate)
    for _ in range(5):
        part = make_trainer(tmp_path / "parts", steps=6)
        assert not part.run(_evaluate, _stopping_after(1))
    rest = make_trainer(tmp_path / "parts", steps=6)
    assert rest.run(_evaluate)
    assert _outcome(rest) == _outcome(whole)


def test_randomness_inside_the_model_resumes_too(tmp_path: Path, make_trainer: MakeTrainer):
    def noisy(folder: str) -> Trainer:
        trainer = make_trainer(tmp_path / folder)
        trainer.model.blocks[0].register_forward_hook(
            lambda _, __, output: output + 0.1 * torch.randn_like(output)
        )
        return trainer

    whole = noisy("whole")
    whole.run()
    noisy("parts").run(None, _stopping_after(5))
    rest = noisy("parts")
    rest.run()
    assert _outcome(rest) == _outcome(whole)
    quiet = make_trainer(tmp_path / "quiet")
    quiet.run()
    assert _outcome(quiet)["files"] != _outcome(whole)["files"]


def test_a_finished_run_does_nothing_more(tmp_path: Path, make_trainer: MakeTrainer):
    make_trainer(tmp_path).run(_evaluate)
    said: list[str] = []
    again = make_trainer(tmp_path)
    before = _outcome(again)
    assert again.run(_evaluate, Listener(say=said.append, record=lambda record: _crash()))
    assert said == ["resumed from step-00000010"]
    assert _outcome(again) == before


def test_a_stop_at_the_last_step_is_an_end(tmp_path: Path, make_trainer: MakeTrainer):
    assert make_trainer(tmp_path).run(_evaluate, _stopping_after(10))


def test_records_come_as_they_are_written(tmp_path: Path, make_trainer: MakeTrainer):
    heard: list[Tree] = []
    trainer = make_trainer(tmp_path, steps=7)
    trainer.run(_evaluate, Listener(record=heard.append))
    assert heard == list(read_metrics(tmp_path))
    assert [r["step"] for r in heard if "loss" in r] == [1, 2, 3, 4, 5, 6, 7]
    assert [r["step"] for r in heard if "held_out_bits_per_byte" in r] == [3, 6, 7]
    assert [r["tokens"] for r in heard if "loss" in r] == [64 * n for n in range(1, 8)]
    assert trainer.model.training


def _parameters(trainer: Trainer) -> list[Tensor]:
    return [p.detach().clone() for p in trainer.model.parameters()]


def _moments(trainer: Trainer) -> list[Tensor]:
    return [
        tensor.clone()
        for optimizer in trainer.optimizers
        for state in optimizer.state.values()
        for tensor in state.values()
    ]


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def _spoil_gradients(trainer: Trainer, steps: set[int], value: float) -> Any:
    weight = trainer.model.get_parameter("blocks.1.attention.query.weight")
    return weight.register_hook(
        lambda gradient: gradient.clone().fill_(value) if trainer.state.step + 1 in steps else None
    )


def _spoil_loss(trainer: Trainer, steps: set[int], value: float) -> Any:
    return trainer.model.blocks[0].register_forward_hook(
        lambda _, __, output: output * value if trainer.state.step + 1 in steps else None
    )


@pytest.mark.parametrize("spoil", [_spoil_gradients, _spoil_loss])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("optimizer", [MuonConfig(), AdamWConfig()])
def test_a_step_that_is_not_finite_is_skipped_and_counted(
    tmp_path: Path, make_trainer: MakeTrainer, spoil: Any, value: float, optimizer: Any
):
    trainer = make_trainer(tmp_path, steps=6, optimizer=optimizer)
    spoil(trainer, {3, 5}, value)
    weights: dict[int, list[Tensor]] = {}
    moments: dict[int, list[Tensor]] = {}
    said: list[str] = []

    def record(record: Tree) -> None:
        weights[record["step"]], moments[record["step"]] = _parameters(trainer), _moments(trainer)

    assert trainer.run(None, Listener(record=record, say=said.append))
    changed = [not _same(weights[step - 1], weights[step]) for step in range(2, 7)]
    assert changed == [True, False, True, False, True]
    assert _same(moments[2], moments[3])
    assert all(torch.isfinite(p).all() for p in trainer.model.parameters())
    assert [r["skipped"] for r in read_metrics(tmp_path)] == [0, 0, 1, 1, 2, 2]
    assert [line.partition(":")[0] for line in said] == ["step 3 skipped", "step 5 skipped"]
    assert trainer.state.skipped_in_row == 0


@pytest.mark.parametrize("spoil", [_spoil_gradients, _spoil_loss])
def test_training_that_stays_without_finite_numbers_stops_and_names_the_last_good_checkpoint(
    tmp_path: Path, make_trainer: MakeTrainer, spoil: Any
):
    whole = make_trainer(tmp_path / "whole", max_skipped=3)
    whole.run()
    trainer = make_trainer(tmp_path / "parts", max_skipped=3)
    spoil(trainer, set(range(6, 100)), math.nan)
    with pytest.raises(TrainingError, match="3 steps in a row, up to step 8") as caught:
        trainer.run()
    assert str(tmp_path / "parts" / "checkpoints" / "step-00000004") in str(caught.value)
    assert "learning_rate" in str(caught.value)
    rest = make_trainer(tmp_path / "parts", max_skipped=3)
    assert rest.run()  # the cause is gone
    assert _outcome(rest) == _outcome(whole)


def test_without_a_checkpoint_the_error_says_so(tmp_path: Path, make_trainer: MakeTrainer):
    trainer = make_trainer(tmp_path, max_skipped=2)
    _spoil_gradients(trainer, set(range(1, 100)), math.nan)
    with pytest.raises(TrainingError, match="the last good checkpoint is none yet"):
        trainer.run()


def test_skips_in_a_row_are_counted_across_a_restart(tmp_path: Path, make_trainer: MakeTrainer):
    part = make_trainer(tmp_path, max_skipped=4)
    _spoil_gradients(part, set(range(3, 100)), math.nan)
    part.run(None, _stopping_after(4))
    rest = make_trainer(tmp_path, max_skipped=4)
    _spoil_gradients(rest, set(range(3, 100)), math.nan)
    with pytest.raises(TrainingError, match="4 steps in a row, up to step 6"):
        rest.run()


def _randomise(trainer: Trainer) -> list[Tensor]:
    """Every parameter random, so that each has a part in the result; returns them."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in trainer.parameters:
            parameter.normal_(std=0.3, generator=generator)
    return _parameters(trainer)


@pytest.mark.parametrize("rows", [4, 7])
def test_micro_rows_do_not_change_the_update(tmp_path: Path, make_trainer: MakeTrainer, rows: int):
    ends = {}
    for micro_rows in (1, 2, 3, rows):
        optimizer = AdamWConfig(eps=1.0, learning_rate=1.0)  # so that rounding is not magnified
        trainer = make_trainer(
            tmp_path / str(micro_rows),
            rows_per_step=rows,
            micro_rows=micro_rows,
            optimizer=optimizer,
        )
        start = _randomise(trainer)
        losses = [trainer.step() for _ in range(2)]
        ends[micro_rows] = (torch.tensor(losses), _parameters(trainer))
        assert all(not torch.equal(a, b) for a, b in zip(start, _parameters(trainer), strict=True))
    losses, parameters = ends[rows]
    for other_losses, other in ends.values():
        torch.testing.assert_close(other_losses, losses, atol=1e-6, rtol=0)
        for a, b in zip(parameters, other, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


class _Given:
    """Batches by hand."""

    def __init__(self, *micro_batches: Batch):
        self.micro_batches = list(micro_batches)

    def __next__(self) -> list[Batch]:
        return self.micro_batches

    def state(self) -> Tree:
        return {}

    def restore(self, state: Tree) -> None:
        pass


def test_every_target_weighs_the_same_whatever_batch_it_stands_in(
    tmp_path: Path, make_trainer: MakeTrainer
):
    whole = make_trainer(tmp_path / "whole")
    (batch,) = next(whole.batches)
    targets = batch.targets.clone()
    targets[1:, 3:] = IGNORED
    batch = Batch(tokens=batch.tokens, targets=targets)
    halves = (Batch(tokens=batch.tokens[a:b], targets=targets[a:b]) for a, b in ((0, 1), (1, 4)))
    whole.batches = _Given(batch)
    parts = make_trainer(tmp_path / "parts")
    parts.batches = _Given(*halves)
    logits = whole.model(batch.tokens)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    for trainer in (whole, parts):
        loss, _ = trainer.step()
        assert loss == pytest.approx(expected.item(), abs=1e-6)
        assert trainer.state.tokens == 16 + 3 * 3


def test_attention_stays_inside_documents(tmp_path: Path, make_trainer: MakeTrainer):
    """The loss of packed rows is that of their documents, each by itself."""
    trainer = make_trainer(tmp_path)
    (batch,) = next(trainer.batches)
    assert batch.segments is not None
    nats, start = 0.0, 0
    tokens, targets = batch.tokens.flatten(), batch.targets.flatten()
    for length in batch.segments.tolist():
        part = slice(start, start + length)
        logits = trainer.model(tokens[None, part])[0]
        nats += torch.nn.functional.cross_entropy(logits, targets[part], reduction="sum").item()
        start += length
    trainer.batches = _Given(batch)
    assert trainer.step()[0] == pytest.approx(nats / len(tokens), abs=1e-5)


def _corrections(trainer: Trainer) -> Tensor:
    """The biases that pick experts, of all layers."""
    named = trainer.model.named_parameters()
    return torch.cat([p.detach().clone() for n, p in named if n.endswith("correction")])


def test_micro_rows_do_not_change_how_experts_are_balanced(
    tmp_path: Path, make_trainer: MakeTrainer, mixed: ModelConfig
):
    moved = []
    for micro_rows in (1, 3, 5):
        folder = tmp_path / str(micro_rows)
        trainer = make_trainer(folder, model=mixed, rows_per_step=5, micro_rows=micro_rows)
        _randomise(trainer)
        trainer.step()
        # 5 rows of 16 tokens, each to 2 experts, in a layer of the model and one of the module
        assert trainer.routing.counts.sum() == 5 * 16 * 2 * 2
        moved.append(_corrections(trainer))
    assert moved[0].abs().max().item() == pytest.approx(0.02)
    assert moved[0].equal(moved[1])
    assert moved[0].equal(moved[2])


def test_a_skipped_step_does_not_move_the_balance(
    tmp_path: Path, make_trainer: MakeTrainer, mixed: ModelConfig
):
    trainer = make_trainer(tmp_path, model=mixed, steps=2)
    _spoil_gradients(trainer, {1}, math.nan)
    trainer.run(None, _stopping_after(1))
    assert _corrections(trainer).abs().max() == 0
    trainer.run()
    assert _corrections(trainer).abs().max() > 0


def test_metrics_tell_of_experts_and_tokens_ahead(
    tmp_path: Path, make_trainer: MakeTrainer, mixed: ModelConfig
):
    make_trainer(tmp_path / "mixed", model=mixed, steps=60, warmup_steps=5).run()
    records = [r for r in read_metrics(tmp_path / "mixed") if "loss" in r]
    assert records[0]["ahead_loss"] == pytest.approx(math.log(24) * 0.9, rel=0.1)
    assert records[-1]["ahead_loss"] < records[0]["ahead_loss"] - 0.3
    for record in records:
        assert 0 < record["routing_entropy"] <= 1
        assert record["busiest_expert"] >= 1
        assert record["balance_loss"] == 0  # biases need none
    make_trainer(tmp_path / "dense", steps=2).run()
    record = next(r for r in read_metrics(tmp_path / "dense") if "loss" in r)
    assert not {"ahead_loss", "balance_loss", "routing_entropy"} & set(record)


def test_gradients_are_clipped_together(tmp_path: Path, make_trainer: MakeTrainer):
    optimizer = AdamWConfig(eps=1.0, weight_decay=0.0)
    free = make_trainer(tmp_path, optimizer=optimizer, clip=1e6)
    _, norm = free.step()
    clipped = make_trainer(tmp_path, optimizer=optimizer, clip=norm / 2)
    assert clipped.step()[1] == pytest.approx(norm)  # reported as it was
    for full, half in zip(_first_moments(free), _first_moments(clipped), strict=True):
        torch.testing.assert_close(half, full / 2, rtol=1e-4, atol=1e-8)


def _first_moments(trainer: Trainer) -> list[Tensor]:
    (optimizer,) = trainer.optimizers
    return [state["exp_avg"] for state in optimizer.state.values()]


def test_the_learning_rate_follows_the_schedule(tmp_path: Path, make_trainer: MakeTrainer):
    trainer = make_trainer(tmp_path, steps=10, warmup_steps=3, decay_share=0.5)
    trainer.run()
    rates = [record["learning_rate"] for record in read_metrics(tmp_path)]
    shares = [0.25, 0.5, 0.75, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]
    assert rates == pytest.approx([0.02 * share for share in shares])
    groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
    assert [group["lr"] for group in groups] == pytest.approx([0.2 * g["peak"] for g in groups])


def test_a_batch_is_learnt_by_heart(tmp_path: Path, make_trainer: MakeTrainer):
    trainer = make_trainer(tmp_path, steps=200, overfit_batch=True, eval_every=100, save_every=100)
    seen: set[int] = set()
    step = trainer._losses

    def losses(batch: Batch, *, scale: float) -> Losses:
        seen.add(hash(tuple(batch.tokens.flatten().tolist())))
        return step(batch, scale=scale)

    trainer._losses = losses  # pyrefly: ignore[missing-attribute, read-only, bad-assignment]
    trainer.run()
    curve = [record["loss"] for record in read_metrics(tmp_path)]
    assert len(seen) == 1
    assert curve[0] > 2.5
    assert curve[-1] < 0.1


def test_the_first_step_s_loss_is_that_of_a_guess(tmp_path: Path, make_trainer: MakeTrainer):
    trainer = make_trainer(tmp_path)
    assert trainer.step()[0] == pytest.approx(math.log(24), abs=0.2)
