import pytest
import torch

from textus.errors import DataError
from textus.generate.config import SampleConfig
from textus.generate.generate import draws_for, generate
from textus.generate.sampling import sample

GREEDY = SampleConfig(temperature=0, max_new_tokens=20)
SEEDED = SampleConfig(temperature=3, max_new_tokens=20, seed=7)
PROMPTS = ["abcdefg hhh", "", "z", "a longer prompt, of some words", "ab", "abcdefg hhh"]
SHORT = [{"reach": {"kind": "sliding", "window": 7}}, {"reach": {"kind": "banded", "block": 5}}]
MODELS = {
    "relative positions": ("qwen3", {}),
    "absolute positions": ("gpt2", {}),
    "short reaches": ("qwen3", {"pattern": SHORT}),
    "ids before the token": ("speedrun", {"embedding": {"ngram_rows": [61, 53, 40]}}),
}


@pytest.fixture(params=list(MODELS))
def model(request, make_model):
    architecture, settings = MODELS[request.param]
    return make_model(architecture, **settings)


@torch.inference_mode()
def write_plainly(model, tokenizer, prompt, config):
    """The slow, obvious twin: each token reads the window anew, a full one from its half on."""
    ids = [tokenizer.end_of_text, *tokenizer.encode(prompt)]
    start, written, [draws] = 0, [], draws_for([ids], config.seed)
    while len(written) < config.max_new_tokens:
        logits = model(torch.tensor([ids[start:]]))[:, -1, : tokenizer.vocab_size]
        [id_] = sample(logits, config, [draws.random()])
        if id_ == tokenizer.end_of_text:
            break
        ids.append(id_)
        written.append(id_)
        if len(ids) - start > model.config.max_seq_len:
            start = len(ids) - model.config.max_seq_len // 2
    return written


@pytest.mark.parametrize("config", [GREEDY, SEEDED], ids=["greedy", "seeded"])
def test_text_equals_reading_everything_anew_for_each_token(model, tokenizer, config):
    [completion] = generate(model, tokenizer, ["abcdefg hhh"], config)
    ids = write_plainly(model, tokenizer, "abcdefg hhh", config)
    assert list(completion.ids) == ids
    assert completion.text == tokenizer.decode(ids)
    assert config is GREEDY or len(set(ids)) > 8


def test_nothing_is_known_of_what_a_reread_left_out(make_model, tokenizer):
    """Even where a token's vector is made of more ids than are read anew."""
    options = {"ngram_rows": [61, 53, 40]}
    model = make_model("speedrun", max_seq_len=4, embedding=options)
    [completion] = generate(model, tokenizer, ["ab"], SEEDED)
    assert completion.rereads > 3
    assert list(completion.ids) == write_plainly(model, tokenizer, "ab", SEEDED)


@pytest.mark.parametrize("config", [GREEDY, SEEDED], ids=["greedy", "seeded"])
def test_many_prompts_at_once_give_what_each_gives_alone(model, tokenizer, config):
    together = generate(model, tokenizer, PROMPTS[:5], config)
    alone = [generate(model, tokenizer, [prompt], config)[0] for prompt in PROMPTS[:5]]
    assert [c.ids for c in together] == [c.ids for c in alone]
    assert [c.text for c in together] == [c.text for c in alone]


def test_texts_that_end_early_leave_the_others_as_they_are(make_model, tokenizer):
    model = make_model()
    config = SampleConfig(temperature=20, max_new_tokens=40, seed=1, stop=("a", "b"))
    prompts = [f"{i}" for i in range(12)]
    together = generate(model, tokenizer, prompts, config)
    alone = [generate(model, tokenizer, [prompt], config)[0] for prompt in prompts]
    assert [c.ids for c in together] == [c.ids for c in alone]
    assert len({len(c.ids) for c in together}) > 4


def test_seeds_repeat_and_differ(make_model, tokenizer):
    model = make_model()

    def texts(**settings):
        config = SampleConfig(temperature=1.5, max_new_tokens=12, **settings)
        return [c.ids for c in generate(model, tokenizer, ["ab", "ab", "cd"], config)]

    assert texts(seed=1) == texts(seed=1)
    assert texts(seed=1)[0] == texts(seed=1)[0] != texts(seed=1)[1]
    assert texts(seed=1) != texts(seed=3)
    assert texts() != texts()


def test_a_full_context_goes_on_from_its_last_half(model, tokenizer):
    config = SampleConfig(temperature=3, max_new_tokens=150, seed=1)
    completions = generate(model, tokenizer, ["abcdefg hhh", "z"], config)
    for prompt, completion in zip(["abcdefg hhh", "z"], completions, strict=True):
        assert list(completion.ids) == write_plainly(model, tokenizer, prompt, config)
        assert completion.finish_reason == "length"
        assert completion.rereads == 3  # 64 tokens, then 32 more each time


@pytest.mark.parametrize("context", [1, 2, 3])
def test_the_smallest_contexts_work(make_model, tokenizer, context):
    model = make_model(max_seq_len=context)
    config = SampleConfig(temperature=0, max_new_tokens=9)
    [completion] = generate(model, tokenizer, [""], config)
    assert len(completion.ids) == 9


def test_ids_that_the_tokenizer_does_not_know_are_never_sampled(make_model, tokenizer):
    model = make_model()
    assert model.config.vocab_size > tokenizer.vocab_size
    config = SampleConfig(temperature=100, max_new_tokens=400, seed=1)
    [completion] = generate(model, tokenizer, ["ab"], config)
    assert max(completion.ids) < tokenizer.vocab_size


def test_a_prompt_of_the_whole_context_is_read_and_a_longer_one_refused(model, tokenizer):
    [completion] = generate(model, tokenizer, ["z" * 63], GREEDY)
    assert completion.prompt_tokens == 64
    assert list(completion.ids) == write_plainly(model, tokenizer, "z" * 63, GREEDY)
    with pytest.raises(
        DataError, match=r"prompt 2 has 65 tokens.* 64.*--truncate-prompt.*truncate_prompt=True"
    ):
        generate(model, tokenizer, ["fine", "z" * 64], GREEDY)


def test_a_long_prompt_can_be_cut_to_its_end(model, tokenizer):
    config = SampleConfig(temperature=0, max_new_tokens=1, truncate_prompt=True)
    prompt = "".join(chr(ord("i") + i % 18) for i in range(100))
    [completion] = generate(model, tokenizer, [prompt], config)
    ids = torch.tensor([tokenizer.encode(prompt)[-64:]])
    assert completion.ids[0] == int(model(ids)[0, -1, : tokenizer.vocab_size].argmax())


def test_a_tokenizer_larger_than_the_model_is_refused(make_model, tokenizer):
    with pytest.raises(DataError, match="do not belong together"):
        generate(make_model(vocab_size=300), tokenizer, ["a"], GREEDY)


def test_end_of_text_ends_the_text_and_is_not_printed(make_model, tokenizer):
    model = make_model()
    with torch.no_grad():
        wanted = model.hidden_states(
            torch.tensor([[tokenizer.end_of_text, *tokenizer.encode("ab")]])
        )
        model.head.weight[tokenizer.end_of_text] = 100 * wanted[0, -1]
    [completion] = generate(model, tokenizer, ["ab"], GREEDY)
    assert (completion.text, completion.ids) == ("", ())
    assert completion.finish_reason == "end_of_text"


def test_text_that_looks_like_the_end_of_text_is_only_text(make_model, tokenizer):
    config = SampleConfig(temperature=0, max_new_tokens=1)
    [completion] = generate(make_model(), tokenizer, ["<end>"], config)
    assert completion.prompt_tokens == 1 + len("<end>")


@pytest.mark.parametrize("seed", range(5))
def test_streamed_pieces_are_whole_characters_and_join_to_the_text(make_model, tokenizer, seed):
    pieces: dict[int, list[str]] = {0: [], 1: []}
    config = SampleConfig(temperature=3, max_new_tokens=60, seed=seed, stop=("ab", "b\x01"))
    completions = generate(
        make_model(), tokenizer, ["x", "y"], config, lambda row, piece: pieces[row].append(piece)
    )
    for row, completion in enumerate(completions):
        assert "".join(pieces[row]) == completion.text
        assert all(pieces[row])


def test_characters_of_several_tokens_are_printed_whole(make_model, tokenizer):
    """A model that says the four bytes of one emoji over and over."""
    model = make_model(norm="layer", position="learned", max_seq_len=32)
    emoji = "🙂".encode()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.norm.weight.fill_(1.0)
        for position in range(32):
            model.position.weight[position, position % 4] = 1.0
        for place, byte in enumerate(emoji):
            model.head.weight[byte, place] = 1.0
    pieces: list[str] = []
    config = SampleConfig(temperature=0, max_new_tokens=10)
    [completion] = generate(model, tokenizer, [""], config, lambda _, piece: pieces.append(piece))
    assert completion.ids == tuple((emoji * 3)[:10])
    assert pieces == ["🙂", "🙂", "\N{REPLACEMENT CHARACTER}"]  # the third was cut off by the limit


def test_a_stop_string_split_over_tokens_is_not_printed(make_model, tokenizer):
    model = make_model()
    [free] = generate(model, tokenizer, ["ab"], GREEDY)
    places = [len(tokenizer.decode(free.ids[:n])) for n in range(len(free.ids))]
    stop = free.text[places[5] : places[8]]
    config = SampleConfig(temperature=0, max_new_tokens=20, stop=("never seen", stop))
    pieces: list[str] = []
    [completion] = generate(model, tokenizer, ["ab"], config, lambda _, piece: pieces.append(piece))
    assert completion.finish_reason == "stop"
    assert "".join(pieces) == completion.text == free.text[: free.text.find(stop)]


def test_no_prompts_give_no_completions(make_model, tokenizer):
    assert generate(make_model(), tokenizer, [], GREEDY) == []


def test_the_models_own_random_state_is_left_alone(make_model, tokenizer):
    model, before = make_model(), torch.get_rng_state()
    generate(model, tokenizer, ["a"], SEEDED)
    assert torch.equal(torch.get_rng_state(), before)
