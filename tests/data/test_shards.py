import json

import numpy as np
import pytest

from textus.data.shards import open_shards, token_dtype
from textus.errors import DataError


def damage(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_any_stretch_can_be_read_across_shards(tmp_path, write):
    write(tmp_path, [("web", "0123"), ("web", "45"), ("web", "678012")], shard_tokens=5)
    source = open_shards(tmp_path, "train").sources["web"]
    whole = source.tokens(0, source.total).tolist()
    for start in range(source.total):
        for length in range(source.total - start + 1):
            assert source.tokens(start, length).tolist() == whole[start : start + length]


def test_ids_take_two_bytes_up_to_65536_of_them_and_four_beyond(tmp_path, write):
    assert token_dtype(65_536) == np.uint16
    assert token_dtype(65_537) == np.uint32
    for vocab_size, size in [(65_536, 4), (65_537, 8)]:
        out = tmp_path / str(vocab_size)
        highest = np.array([vocab_size - 1], np.uint32), np.array([0, 1])
        write(out, [("web", "x")], encode=lambda _, ids=highest: ids, vocab_size=vocab_size)
        assert (out / "train" / "web-00000.bin").stat().st_size == size
        assert open_shards(out, "train").sources["web"].tokens(1, 1)[0] == vocab_size - 1


@pytest.mark.parametrize("name", ["index.json", "web-00001.bin", "web-00001.starts.npy"])
def test_a_missing_file_is_named(tmp_path, name, write):
    write(tmp_path, [("web", "1234567"), ("web", "1")])
    (tmp_path / "train" / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        open_shards(tmp_path, "train")


@pytest.mark.parametrize("name", ["index.json", "web-00000.bin", "web-00000.starts.npy"])
@pytest.mark.parametrize("length", [0, 1, -1])
def test_a_cut_file_is_named(tmp_path, name, length, write):
    write(tmp_path, [("web", "1234"), ("web", "1")])
    path = tmp_path / "train" / name
    path.write_bytes(path.read_bytes().rstrip()[:length])
    with pytest.raises(DataError, match=f"{name} "):
        open_shards(tmp_path, "train")


def test_files_that_do_not_belong_together_are_noticed(tmp_path, write):
    write(tmp_path, [("web", "1234"), ("web", "1")])
    folder = tmp_path / "train"
    np.save(folder / "web-00000.starts.npy", np.array([0, 4]))
    with pytest.raises(DataError, match=r"web-00000.bin is damaged: .*end-of-text id 9"):
        open_shards(tmp_path, "train")
    for starts in ([0, 7], [1, 5], [0, 0], [0], [0.0, 5.0]):
        np.save(folder / "web-00000.starts.npy", np.array(starts))
        with pytest.raises(DataError, match=r"starts.npy is damaged"):
            open_shards(tmp_path, "train")
    damage(folder / "index.json", sources={"web": {}})
    with pytest.raises(DataError, match=r"index.json is damaged"):
        open_shards(tmp_path, "train")
