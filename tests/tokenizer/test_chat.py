import dataclasses

import jinja2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from textus.errors import DataError
from textus.tokenizer.chat import default_template, encode_chat, render_chat
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"
    "{{ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TRIMMING = """{{ bos_token }}{% for m in messages %}
{% if m['role'] not in ['user', 'assistant'] %}
{{ raise_exception('no role ' + m['role']) }}
{% endif %}
<|im_start|>{{ m['role'] | upper }}: {{ m['content'] | trim }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>ASSISTANT: {% endif %}"""
BLOCKS = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOOLS = (
    "{% if tools %}{% for tool in tools %}{{ tool | tojson(indent=2) }}{% endfor %}{% endif %}"
    "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}"
    "{{ '<|im_start|>' + m['content'][:3] + '<|im_end|>' }}{% endfor %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if loop.last or m['role'] == 'user' %}"
    "{{ '<|im_start|>' + m['content'] }}{% endif %}{% endfor %}"
)

MESSAGES = [
    {"role": "user", "content": " What is 2 + 2? "},
    {"role": "assistant", "content": "It is 4.\n"},
    {"role": "user", "content": "Ünd 3 < 4 >? <b>日本</b>"},
    {"role": "assistant", "content": " Yes. "},
]
NAMES = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]


@pytest.fixture(scope="module")
def chatty(corpus) -> Tokenizer:
    config = BPEConfig(vocab_size=600, special_tokens=("<|endoftext|>", *NAMES[:2]))
    return train_tokenizer(corpus[-16:], config)


@pytest.fixture(scope="module")
def hugging_face(chatty, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chatty")
    chatty.save(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("template", [CHATML, TRIMMING, BLOCKS, None])
@pytest.mark.parametrize("prompt", [False, True])
def test_ids_are_hugging_faces(chatty, hugging_face, template, prompt):
    settings = {"chat_template": template, "add_generation_prompt": prompt}
    ids, mask = encode_chat(chatty, MESSAGES, template=template, add_generation_prompt=prompt)
    theirs = hugging_face.apply_chat_template(MESSAGES, return_dict=False, **settings)
    assert ids.tolist() == theirs
    assert ids.dtype == np.uint32
    assert mask.shape == ids.shape
    text = render_chat(
        template or default_template(chatty.definition) or "",
        MESSAGES,
        add_generation_prompt=prompt,
        bos_token="<|endoftext|>",
    )
    assert text == hugging_face.apply_chat_template(MESSAGES, tokenize=False, **settings)


def test_tools_are_rendered_as_hugging_face_does(chatty, hugging_face):
    tools = [{"type": "function", "function": {"name": "add", "description": "<a> & 'b' é"}}]
    ids, _ = encode_chat(chatty, MESSAGES, template=TOOLS, tools=tools)
    assert ids.tolist() == hugging_face.apply_chat_template(
        MESSAGES, chat_template=TOOLS, tools=tools, return_dict=False
    )


def test_mask_of_generation_blocks_is_hugging_faces(chatty, hugging_face):
    ids, mask = encode_chat(chatty, MESSAGES, template=BLOCKS)
    theirs = hugging_face.apply_chat_template(
        MESSAGES, chat_template=BLOCKS, return_dict=True, return_assistant_tokens_mask=True
    )
    assert mask.tolist() == [bool(each) for each in theirs["assistant_masks"]]
    assert chatty.decode(ids[mask]) == "It is 4.\n<|im_end|> Yes. <|im_end|>"


def test_without_blocks_answers_and_their_end_are_learnt(chatty):
    with_blocks, without = (encode_chat(chatty, MESSAGES, template=t) for t in (BLOCKS, CHATML))
    assert without.ids.tolist() == with_blocks.ids.tolist()
    assert without.mask.tolist() == with_blocks.mask.tolist()


def test_default_template_learns_answers_and_the_end_of_text(tokenizer):
    ids, mask = encode_chat(tokenizer, MESSAGES)
    assert tokenizer.decode(ids[mask]) == " It is 4.\n<|endoftext|>  Yes. <|endoftext|>"


@pytest.mark.parametrize("template", [CHATML, TRIMMING, BLOCKS, None])
def test_no_content_becomes_a_special_token(chatty, template):
    """Whatever the contents are, the special tokens are those that empty contents have."""
    pieces = ["<|im_end|>", "<|IM_START|>", "<|im_", "start|>", "<", "|>", "|", "im_end", " ", "\n"]
    special = list(chatty.special_tokens.values())

    def special_ids(contents):
        roles = ["user", "assistant"]
        messages = [
            {"role": role, "content": content}
            for role, content in zip(roles, contents, strict=True)
        ]
        ids, _ = encode_chat(chatty, messages, template=template)
        assert chatty.decode(ids) == render_chat(
            template or default_template(chatty.definition) or "",
            messages,
            bos_token="<|endoftext|>",
        )
        return [id_ for id_ in ids if id_ in special]

    expected = special_ids(["", ""])

    @settings(max_examples=60)
    @given(st.lists(st.lists(st.sampled_from(pieces)).map("".join), min_size=2, max_size=2))
    def check(contents):
        assert special_ids(contents) == expected

    check()


def test_name_begun_by_a_content_and_ended_by_the_template_is_none(chatty):
    template = (
        "{% for m in messages %}{{ '<|' + m['content'] + '|>' + m['content'] + '>' }}{% endfor %}"
    )
    for content in ["im_end", "<|im_end|", "im_start"]:
        ids, _ = encode_chat(chatty, [{"role": "user", "content": content}], template=template)
        assert not set(ids.tolist()) & set(chatty.special_tokens.values())


@pytest.mark.parametrize(
    ("template", "messages", "reason"),
    [
        (FORGETFUL, MESSAGES, "message 1 .* generation"),
        (TRIMMING, [{"role": "tool", "content": ""}], "no role tool"),
        ("{{ messages[0].content.nothing() }}", MESSAGES, "cannot render"),
        ("{% for %}", MESSAGES, "cannot render"),
        ("{{ ''.__class__.__mro__ }}", MESSAGES, "cannot render.*unsafe"),
        ("{{ messages.append(1) }}", MESSAGES, "cannot render"),
    ],
)
def test_template_that_fails_is_an_error(chatty, template, messages, reason):
    with pytest.raises(DataError, match=reason):
        encode_chat(chatty, messages, template=template)


def test_template_travels_with_the_tokenizer(chatty, tmp_path):
    own = Tokenizer(dataclasses.replace(chatty.definition, chat_template=BLOCKS))
    own.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.definition == own.definition
    ids, _ = encode_chat(loaded, MESSAGES)
    auto = AutoTokenizer.from_pretrained(tmp_path)
    assert auto is not None
    assert auto.apply_chat_template(MESSAGES, return_dict=False) == ids.tolist()


def test_default_template_is_hugging_faces_template_too(chatty, hugging_face):
    assert hugging_face.chat_template == default_template(chatty.definition)
    assert jinja2.Environment().parse(hugging_face.chat_template)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user<|im_end|>", "content": "x"},
        {"role": "user", "content": "x", "call": {"type": "<|im_end|>"}},
        {"role": "user", "content": "x", "call": {"<|im_end|>": 1}},
    ],
)
def test_a_role_a_type_or_a_field_with_a_name_in_it_makes_no_special_token(message):
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer = train_tokenizer(["a b a b"], BPEConfig(vocab_size=260, special_tokens=special))
    template = "{% for m in messages %}{{ m.role }}: {{ m.call | tojson if m.call }}{% endfor %}"
    definition = dataclasses.replace(tokenizer.definition, chat_template=template)
    ids = encode_chat(Tokenizer(definition), [message]).ids
    assert tokenizer.special_tokens["<|im_end|>"] not in list(ids)


def test_special_tokens_may_be_called_otherwise_by_the_caller(chatty):
    template = "{{ bos_token }}{{ eos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    render = {
        "template": template,
        "documents": [],
        "eos_token": "!",
        "add_generation_prompt": True,
    }
    ids, _ = encode_chat(chatty, MESSAGES[:1], bos_token="<|im_end|>", **render)
    assert chatty.decode(ids) == "<|im_end|>! What is 2 + 2? "
    assert not set(ids.tolist()) & set(chatty.special_tokens.values())
    assert render_chat(template, MESSAGES[:1], bos_token="B", eos_token="E", documents=None) == (
        "BE What is 2 + 2? "
    )


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"content": "Hi"}], "message 0, .*no object with a role"),
        ([MESSAGES[0], {"role": None, "content": "Hi"}], "message 1, .*no object with a role"),
        (["Hi"], "message 0, 'Hi', is no object"),
        ("Hi", "message 0, 'H', is no object"),
        ([{"role": "user"}], "content"),
        ([{"role": "assistant"}], "content"),
        ([{"role": "user", "content": None}], "cannot render"),
        ([{"role": "user", "content": b"Hi"}], "type bytes"),
        ([{"role": "user", "content": {("a", "b"): 1}}], "JSON cannot"),
    ],
)
@pytest.mark.parametrize("template", [CHATML, BLOCKS, None])
def test_messages_of_another_shape_are_named(chatty, template, messages, reason):
    with pytest.raises(DataError, match=reason):
        encode_chat(chatty, messages, template=template)


def test_messages_that_hold_themselves_are_refused(chatty):
    endless: list = []
    endless.append(endless)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for content in (endless, deep):
        with pytest.raises(DataError, match="JSON cannot"):
            encode_chat(chatty, [{"role": "user", "content": content}], template=CHATML)


@pytest.mark.parametrize("cut", ["[:-1]", "[1:]", "[::-1]"])
def test_a_generation_block_that_is_cut_is_an_error(chatty, cut):
    template = "{% set x %}{% generation %}Hello!{% endgeneration %}{% endset %}{{ x" + cut + " }}"
    with pytest.raises(DataError, match=r"cuts its .* generation .* blocks"):
        encode_chat(chatty, MESSAGES, template=template)


@pytest.mark.parametrize("use", ["[:3]", "[-3:]", " | length", " | tojson(ensure_ascii=true)"])
def test_a_template_that_cuts_what_looks_like_a_name_is_an_error(chatty, use):
    template = "{% for m in messages %}{{ m.content" + use + " }}{% endfor %}"
    with pytest.raises(DataError, match="cuts, measures or respells"):
        encode_chat(chatty, [{"role": "user", "content": "<|im_end|>"}], template=template)
    plain = [{"role": "user", "content": "[im_end]"}]
    ids, _ = encode_chat(chatty, plain, template=template)
    assert chatty.decode(ids) == render_chat(template, plain)


def test_one_conversation_has_one_time(chatty):
    template = "{{ strftime_now('%f') }}" + CHATML
    for _ in range(20):
        ids, mask = encode_chat(chatty, MESSAGES + MESSAGES, template=template)
        assert mask.sum() < len(ids)
