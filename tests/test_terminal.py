import signal

import pytest

from textus.terminal import Terminal


def test_the_first_signal_in_training_asks_and_the_second_stops(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    terminal = Terminal()
    terminal.watch_signals()
    terminal.stage("pretrain", "trains the model")
    assert not terminal.display().stopping()
    signal.raise_signal(signal.SIGINT)
    assert terminal.display().stopping()
    assert terminal.exit_code() == 130
    assert "stopping after this step, with a checkpoint" in capsys.readouterr().err
    signal.raise_signal(signal.SIGINT)  # at once: the same request, which torchrun hands on as well
    monkeypatch.setattr("textus.terminal.SECONDS_OF_ONE_REQUEST", 0.0)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_polite_request_to_end_is_no_failure():
    terminal = Terminal()
    terminal.watch_signals()
    terminal.stage("pretrain", "trains the model")
    signal.raise_signal(signal.SIGTERM)
    assert terminal.exit_code() == 0


@pytest.mark.parametrize("stage", ["corpus", "evaluate"])
def test_a_signal_in_another_stage_ends_at_once(stage: str):
    terminal = Terminal()
    terminal.watch_signals()
    terminal.stage(stage, "works")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_words_go_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]):
    display = Terminal().display()
    display.say("a [bold]note[/bold]")
    display.stage("sample", "lets the model write")
    display.text("words")
    out, err = capsys.readouterr()
    assert out == "words"
    assert "  a [bold]note[/bold]\n" in err  # what a person wrote is shown as it is
    assert "sample lets the model write" in err


def test_a_file_gets_a_plain_line_now_and_then(capsys: pytest.CaptureFixture[str]):
    terminal = Terminal()
    record = {"step": 1, "loss": 2.5, "tokens_per_second": 1234.5}
    for step in range(1, 50):
        terminal.record(record | {"step": step}, 100)
    terminal.record({"step": 50, "held_out_bits_per_byte": 1.25}, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["1%", "step", "1/100", "loss", "2.500", "1,234", "tokens/s"]
    assert lines[1].strip() == "step 50: held out bits per byte 1.2500"
    terminal.close()


def test_of_several_processes_the_first_speaks_and_all_stop(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RANK", "1")
    terminal = Terminal()
    terminal.watch_signals()
    terminal.stage("pretrain", "trains the model")
    terminal.say("a note")
    signal.raise_signal(signal.SIGTERM)
    assert terminal.stopping()
    assert capsys.readouterr().err == ""
