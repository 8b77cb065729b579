import gc
from threading import Event

import pytest

from textus.tokenizer import compiling as module
from textus.tokenizer.compiling import compiling


def test_only_what_takes_long_is_told(monkeypatch):
    told, said = Event(), []

    def progress(done, total, text):
        said.append((done, total, text))
        told.set()

    with compiling("this and that", progress):
        pass
    assert said == []
    monkeypatch.setattr(module, "_LOADED", 0.0)
    with compiling("this and that", progress):
        assert told.wait(60)
    assert said == [(0, None, "compiling the kernels of this and that, once on this machine")]


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_rests_and_is_as_before_then_even_on_errors(collecting):
    def compile_in_vain():
        with compiling("this and that", lambda done, total, text: None):
            assert not gc.isenabled()
            raise MemoryError

    was = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        with pytest.raises(MemoryError):
            compile_in_vain()
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if was else gc.disable)()
