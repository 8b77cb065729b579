import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from textus.errors import DamagedError
from textus.store import file_sha256, recover, verify
from textus.train.checkpoint import (
    STATE,
    TENSORS,
    TrainState,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from textus.train.config import AdamWConfig, MuonConfig
from textus.train.loop import Listener, Trainer
from textus.train.metrics import read_metrics

MakeTrainer = Callable[..., Trainer]
Damage = Callable[[Path], object]


def _trained(
    make_trainer: MakeTrainer, folder: Path, steps: int = 2, **settings: object
) -> Trainer:
    trainer = make_trainer(folder, **settings)
    for _ in range(steps):
        trainer.step()
    return trainer


def _save(trainer: Trainer, folder: Path, step: int = 7, keep: int = 9) -> Path:
    state = TrainState(step=step, tokens=64 * step, loader=trainer.batches.state())
    return save_checkpoint(folder, trainer.model, trainer.optimizers, state, keep=keep)


@pytest.mark.parametrize("optimizer", [MuonConfig(), AdamWConfig()])
def test_what_is_loaded_is_what_was_saved(
    tmp_path: Path, make_trainer: MakeTrainer, optimizer: object
):
    saved = _trained(make_trainer, tmp_path, optimizer=optimizer)
    path = _save(saved, tmp_path)
    expected = torch.rand(3)
    other = make_trainer(tmp_path, optimizer=optimizer)
    state = load_checkpoint(path, other.model, other.optimizers)
    assert torch.equal(torch.rand(3), expected)
    assert state == TrainState(step=7, tokens=448, loader=saved.batches.state())
    for one, two in zip(saved.parameters, other.parameters, strict=True):
        assert torch.equal(one, two)
    pairs: dict[Tensor, Tensor] = dict(zip(saved.parameters, other.parameters, strict=True))
    for one, two in zip(saved.optimizers, other.optimizers, strict=True):
        assert len(one.state) == len(two.state) > 0
        for parameter, values in one.state.items():
            loaded = two.state[pairs[parameter]]
            assert values.keys() == loaded.keys()
            assert all(torch.equal(values[key], loaded[key]) for key in values)


def test_nothing_in_a_checkpoint_can_run_code(tmp_path: Path, make_trainer: MakeTrainer):
    path = _save(_trained(make_trainer, tmp_path), tmp_path)
    names = {file.name for file in path.iterdir()}
    assert names == {"config.json", "manifest.json", "model.safetensors", STATE, TENSORS}
    for file in path.glob("*.json"):
        json.loads(file.read_text())
    for file in path.glob("*.safetensors"):
        header = int.from_bytes(file.read_bytes()[:8], "little")
        json.loads(file.read_bytes()[8 : 8 + header])


def test_only_the_newest_are_kept(tmp_path: Path, make_trainer: MakeTrainer):
    trainer = _trained(make_trainer, tmp_path)
    for step in (1, 2, 3, 4):
        _save(trainer, tmp_path / "c", step, keep=2)
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["step-00000003", "step-00000004"]


@pytest.mark.parametrize("keep", [1, 2])
def test_a_damaged_later_checkpoint_takes_no_place(
    tmp_path: Path, make_trainer: MakeTrainer, keep: int
):
    trainer = _trained(make_trainer, tmp_path)
    for step in (2, 4, 9):
        _save(trainer, tmp_path / "c", step)
    _flip(tmp_path / "c" / "step-00000009" / TENSORS, -1)
    path = _save(trainer, tmp_path / "c", 5, keep)
    assert newest_checkpoint(tmp_path / "c", lambda text: None) == path
    assert len(list((tmp_path / "c").iterdir())) == keep + 1


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path: Path, make_trainer: MakeTrainer):
    trainer = _trained(make_trainer, tmp_path)
    path = _save(trainer, tmp_path / "c")
    before = file_sha256(path / "model.safetensors")
    trainer.step()
    assert _save(trainer, tmp_path / "c") == path
    assert file_sha256(path / "model.safetensors") != before
    verify(path)


def _flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


DAMAGES: dict[str, Damage] = {
    "bit in the header": lambda path: _flip(path / "model.safetensors", 20),
    "bit in the header's length": lambda path: _flip(path / TENSORS, 6),
    "bit in the weights": lambda path: _flip(path / "model.safetensors", -100),
    "bit in the optimizer's state": lambda path: _flip(path / TENSORS, -5),
    "bit in the counters": lambda path: _flip(path / STATE, 12),
    "bit in the manifest": lambda path: _flip(path / "manifest.json", 4),
    "cut off": lambda path: _cut(path / TENSORS),
    "empty": lambda path: (path / "model.safetensors").write_bytes(b""),
    "file missing": lambda path: (path / TENSORS).unlink(),
    "manifest missing": lambda path: (path / "manifest.json").unlink(),
    "manifest of another shape": lambda path: (path / "manifest.json").write_text("[1]"),
    "empty folder": lambda path: (shutil.rmtree(path), path.mkdir()),
    "no folder": lambda path: (shutil.rmtree(path), path.write_text("")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_the_newest_valid_checkpoint_is_used_and_the_damaged_one_named(
    tmp_path: Path, make_trainer: MakeTrainer, damage: Damage
):
    whole = make_trainer(tmp_path / "whole", save_every=2, steps=6)
    whole.run()
    part = make_trainer(tmp_path / "part", save_every=2, steps=6)
    calls = iter(range(1, 9))
    part.run(None, Listener(stopping=lambda: next(calls) == 5))
    damage(tmp_path / "part" / "checkpoints" / "step-00000005")
    said: list[str] = []
    rest = make_trainer(tmp_path / "part", save_every=2, steps=6)
    assert rest.run(None, Listener(say=said.append))
    assert said[0].startswith("checkpoint step-00000005 is damaged and left out: ")
    assert said[1:] == ["resumed from step-00000004"]
    last = "checkpoints/step-00000006"
    for file in ("model.safetensors", TENSORS):
        ends = (tmp_path / folder / last / file for folder in ("whole", "part"))
        assert len({file_sha256(end) for end in ends}) == 1
    losses = [[r["loss"] for r in read_metrics(tmp_path / f)] for f in ("whole", "part")]
    assert losses[0] == losses[1]


def test_a_resumed_run_removes_what_is_older_than_it_keeps(
    tmp_path: Path, make_trainer: MakeTrainer
):
    """A process that was killed between writing a checkpoint and removing the one before."""
    make_trainer(tmp_path, save_every=1, steps=4, keep=9).run()
    make_trainer(tmp_path, save_every=1, steps=4, keep=1).run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]


def test_with_every_checkpoint_damaged_training_begins_anew(
    tmp_path: Path, make_trainer: MakeTrainer
):
    trainer = make_trainer(tmp_path, save_every=2, steps=4)
    trainer.run()
    for path in (tmp_path / "checkpoints").iterdir():
        _flip(path / "model.safetensors", -1)
    said: list[str] = []
    again = make_trainer(tmp_path, save_every=2, steps=4)
    assert again.run(None, Listener(say=said.append))
    assert [line.split()[1] for line in said] == ["step-00000004", "step-00000002"]
    for one, two in zip(trainer.parameters, again.parameters, strict=True):
        assert torch.equal(one, two)
    assert [r["step"] for r in read_metrics(tmp_path)] == [1, 2, 3, 4]


def test_what_killed_processes_left_is_no_checkpoint(tmp_path: Path, make_trainer: MakeTrainer):
    folder = tmp_path / "c"
    path = _save(_trained(make_trainer, tmp_path), folder)
    shutil.copytree(path, folder / ".tmp-step-00000008-0badcafe")
    shutil.copytree(path, folder / ".old-step-00000007")
    assert newest_checkpoint(folder, pytest.fail) == path
    recover(folder)
    assert [p.name for p in folder.iterdir()] == ["step-00000007"]
    path.rename(folder / ".old-step-00000007")  # killed between the two renames
    recover(folder)
    assert newest_checkpoint(folder, pytest.fail) == path


def test_no_folder_holds_no_checkpoint(tmp_path: Path):
    assert newest_checkpoint(tmp_path / "absent", pytest.fail) is None


def test_a_file_that_broke_after_it_was_verified_is_named(
    tmp_path: Path, make_trainer: MakeTrainer
):
    trainer = _trained(make_trainer, tmp_path)
    path = _save(trainer, tmp_path)
    _cut(path / TENSORS)
    with pytest.raises(DamagedError, match=TENSORS):
        load_checkpoint(path, trainer.model, trainer.optimizers)
