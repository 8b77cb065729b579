"""Conversations as text and as ids, by a chat template.

A chat template is a Jinja template that turns a list of messages, each with a role and a content,
into the text that a model is trained on. Templates come with downloaded models, so they are run in
Jinja's sandbox.

    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    ids, mask = encode_chat(tokenizer, messages)

What a user writes never becomes a special token, even where it is spelt like one: before the
template is run, a mark, a character that occurs nowhere else, is put into every such name in the
messages, and afterwards taken out again, when the places are known. Where a template cuts or
measures such contents, so that the marks would change the text, the conversation is refused.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from textus.errors import DataError
from textus.tokenizer.chat_templates import GENERATION_MARKS, render_template
from textus.tokenizer.definition import Definition

if TYPE_CHECKING:
    from textus.tokenizer.tokenizer import Tokenizer

Message = Mapping[str, Any]

_CHATML = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
_ROLE_TOKENS = """\
{%- for message in messages %}
{{- '<|' + message['role'] + '|>' + message['content'] }}
{%- if message['role'] == 'assistant' %}
{{- eos_token }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|assistant|>' }}
{%- endif %}
"""
_PLAIN = """\
{%- for message in messages %}
{{- message['role'] + ': ' + message['content'] }}
{%- if message['role'] == 'assistant' %}
{{- eos_token }}
{%- else %}
{{- '\\n\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- 'assistant:' }}
{%- endif %}
"""


class EncodedChat(NamedTuple):
    """A conversation as ids."""

    ids: np.ndarray
    """uint32 (number of ids,)"""
    mask: np.ndarray
    """bool (number of ids,): whether the id is the assistant's, to be learnt."""


def default_template(definition: Definition) -> str | None:
    """The template for a tokenizer that has none of its own, by its special tokens: ChatML if it
    has <|im_start|> and <|im_end|>; a token for each role if it has <|user|> and <|assistant|>;
    else plain text. None where it has no token that ends a text."""
    special = definition.special_tokens
    if {"<|im_start|>", "<|im_end|>"} <= special.keys():
        return _CHATML
    if definition.end_of_text is None:
        return None
    return _ROLE_TOKENS if {"<|user|>", "<|assistant|>"} <= special.keys() else _PLAIN


def render_chat(
    template: str,
    messages: Sequence[Message],
    *,
    add_generation_prompt: bool = False,
    tools: Sequence[Mapping[str, Any]] | None = None,
    **variables: Any,
) -> str:
    """The text of a conversation, as Hugging Face's `apply_chat_template(tokenize=False)`.

    `add_generation_prompt` adds the beginning of an answer; `tools` and `variables` are what the
    template may refer to. Raises DataError where the template is broken, goes beyond the limits of
    `chat_templates`, or says that it cannot render these messages.
    """
    known = {"tools": tools, "documents": None} | variables
    return _render(template, known, messages, add_generation_prompt=add_generation_prompt)


def encode_chat(
    tokenizer: "Tokenizer",
    messages: Sequence[Message],
    *,
    template: str | None = None,
    add_generation_prompt: bool = False,
    tools: Sequence[Mapping[str, Any]] | None = None,
    **variables: Any,
) -> EncodedChat:
    """The ids of a conversation, and which of them the assistant is to learn.

    They are the ids of the rendered text: special tokens where the template wrote them, ordinary
    text where `messages`, `tools` or `variables` hold the same. What is to be learnt are the
    template's {% generation %} blocks, if it has any; else what each message of the role
    "assistant" adds to the text behind the beginning of an answer, without white space behind its
    last special token. An id counts if any of its characters does. The template is the tokenizer's
    (see `default_template`) if none is given. Raises DataError where it cannot render the messages,
    and where it has no such blocks and writes earlier messages otherwise once later ones follow.
    """
    definition = tokenizer.definition
    template = template or definition.chat_template or default_template(definition)
    if template is None:
        raise DataError(
            "This tokenizer has no chat template, and no token that ends a text for a default one; "
            "give a template."
        )
    _check_messages(messages)
    asked = {"tools": tools, "documents": None} | variables
    marks = _Marks(list(definition.special_tokens), absent_from=(template, messages, asked))
    known = _names_by_role(definition) | {"strftime_now": datetime.now().strftime}
    render = partial(
        _render,
        template,
        known | marks.put_into(asked) | {GENERATION_MARKS: (marks.begin, marks.end)},
    )
    marked = marks.put_into(list(messages))
    text = render(marked, add_generation_prompt=add_generation_prompt)
    if not _GENERATION.search(template):
        text = _mark_answers(text, marked, render, marks)
    plain = marks.take_out(text)
    if marks.are_used and plain.text != _render(
        template, known | asked, messages, add_generation_prompt=add_generation_prompt
    ):
        raise DataError(
            "the chat template cuts, measures or respells what looks like the name of a special "
            f"token in these {len(messages)} messages, so that it cannot be told from the "
            "template's own. Leave such names out of the messages, or give another template."
        )
    ids, offsets = tokenizer.encode_with_offsets(
        plain.text, allowed_special="all", barriers=plain.barriers
    )
    mask = np.zeros(len(ids), dtype=bool)
    for start, end in plain.learnt:
        mask |= (offsets[:, 0] < end) & (offsets[:, 1] > start)
    return EncodedChat(np.array(ids, dtype=np.uint32), mask)


def _render(
    template: str,
    variables: Mapping[str, Any],
    messages: Sequence[Message],
    *,
    add_generation_prompt: bool = False,
) -> str:
    known = {"messages": messages, "add_generation_prompt": add_generation_prompt}
    return render_template(template, {**variables, **known})


def _check_messages(messages: Sequence[Message]) -> None:
    """DataError for what is no list of objects that each have a role."""
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise DataError(
                f"message {i}, {message!r:.200}, is no object with a role; give a list of messages "
                'such as {"role": "user", "content": "Hi"}.'
            )


def _names_by_role(definition: Definition) -> dict[str, str]:
    """What templates call bos_token and the like."""
    names = dict(definition.token_roles)
    if definition.end_of_text is not None:
        names = {"bos_token": definition.end_of_text, **names, "eos_token": definition.end_of_text}
    return names


class _Plain(NamedTuple):
    """A rendered text without marks, and the places where they were."""

    text: str
    barriers: list[int]
    """Places that lie within what looks like the name of a special token and is none."""
    learnt: list[tuple[int, int]]
    """What is to be learnt: the first character and the one after the last."""


class _Marks:
    """Marks within texts: characters of private use that occur in none of them."""

    def __init__(self, names: Sequence[str], *, absent_from: Any):
        used = set("".join(names) + _as_json(absent_from))
        free = (chr(point) for point in random.Random().sample(_PRIVATE, len(_PRIVATE)))
        unused = (character for character in free if character not in used)
        self.barrier, self.begin, self.end = (next(unused) for _ in range(3))
        self._all = re.compile(f"[{self.barrier}{self.begin}{self.end}]")
        self.are_used = False
        self.names = tuple(names)
        self._starts = tuple({name[:k] for name in names for k in range(1, len(name))})
        self._ends = tuple({name[k:] for name in names for k in range(1, len(name))})
        anywhere = "|".join(map(re.escape, names))
        # The template may change the case. A lookahead finds names that overlap, too.
        self._name = re.compile(f"(?=(?:{anywhere}))", re.IGNORECASE) if names else None

    def put_into(self, value: Any) -> Any:
        """`value` with barriers in all that looks like a name, or like the part of a name that
        others could complete. What steers a template, a role, a type or the name of a field, stays
        as it is, unless it holds a whole name."""
        if isinstance(value, str):
            return self._barred(value)
        if isinstance(value, Mapping):
            return {
                self._steering(key): self._steering(inner)
                if key in ("role", "type") and isinstance(inner, str)
                else self.put_into(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.put_into(entry) for entry in value]
        return value

    def _steering(self, value: Any) -> Any:
        named = isinstance(value, str) and self._name is not None and self._name.search(value)
        return self._barred(value) if named else value

    def take_out(self, text: str) -> _Plain:
        """The text without marks, and their places in it."""
        parts, barriers, begins, ends = [], [], [], []
        done = size = 0
        places = {self.barrier: barriers, self.begin: begins, self.end: ends}
        for match in self._all.finditer(text):
            parts.append(text[done : match.start()])
            size += match.start() - done
            done = match.end()
            places[match.group()].append(size)
        parts.append(text[done:])
        if len(begins) != len(ends) or any(a > b for a, b in zip(begins, ends, strict=True)):
            raise DataError(
                "the chat template cuts its {% generation %} blocks after they are written, so "
                "that what is to be learnt is unknown; give a template that writes them whole."
            )
        return _Plain("".join(parts), barriers, list(zip(begins, ends, strict=True)))

    def _barred(self, text: str) -> str:
        if short := [name for name in self.names if len(name) == 1 and name in text]:
            raise DataError(
                f"a message holds {short[0]!r}, the name of a special token of one character, "
                "which cannot be told from the template's own; leave it out of the message."
            )
        found = self._name.finditer(text) if self._name else ()
        places = {match.start() + 1 for match in found}
        core = text.strip()
        if core and (core.startswith(self._ends) or self._is_within_a_name(core)):
            places.add(text.index(core))
        if core and (core.endswith(self._starts) or self._is_within_a_name(core)):
            places.add(text.index(core) + len(core))
        self.are_used |= bool(places)
        cuts = [0, *sorted(places), len(text)]
        return self.barrier.join(text[a:b] for a, b in pairwise(cuts)) if places else text

    def _is_within_a_name(self, text: str) -> bool:
        return any(text in name for name in self.names)


_PRIVATE = range(0xF0000, 0xFFFFE)
"""Unicode's plane 15, all of private use."""


def _as_json(value: Any) -> str:
    """A value as JSON, with all its characters; DataError for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_as_object)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"the messages hold what JSON cannot ({error}); use strings, numbers, true, false, "
            "null, lists and objects."
        ) from error


def _as_object(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r:.80} of type {type(value).__name__}")


def _mark_answers(
    text: str, messages: Sequence[Message], render: Callable[..., str], marks: _Marks
) -> str:
    """`text`, the rendered messages, with marks around what is to be learnt."""
    parts: list[str] = []
    done = 0
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(messages[:i], add_generation_prompt=True)
        after = render(messages[: i + 1])
        if not (after.startswith(before) and text.startswith(after)):
            raise DataError(
                f"the chat template writes what stands before message {i} otherwise once the "
                "message follows, or the message itself otherwise once others follow, so that its "
                "part of the text is unknown. Give a template with {% generation %} blocks around "
                "what the assistant says, or end the conversation there."
            )
        answer = after[len(before) :]
        bare = answer.rstrip()
        if bare.endswith(marks.names):
            answer = bare
        parts += [text[done : len(before)], marks.begin, answer, marks.end]
        done = len(before) + len(answer)
    return "".join([*parts, text[done:]])


_GENERATION = re.compile(r"\{%[-+]?\s*generation\b")
