from threading import Event

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
