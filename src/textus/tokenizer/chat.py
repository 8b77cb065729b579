"""Conversations as text and as ids, by a chat template.

A chat template is a Jinja template that turns a list of messages, each with a role and a content,
into the text that a model is trained on. Templates come with downloaded models, so they are run in
Jinja's sandbox.

    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    ids, mask = encode_chat(tokenizer, messages)

What a user writes never becomes a special token, even where it is spelt like one: before the
template is run, an unguessable mark is put into every such name in the messages, and afterwards
taken out again, when the places are known. The mark changes nothing else, so that templates may
trim, search and cut contents; only a template that itself leaves characters out of the middle of a
content could join the rest to a name.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import numpy as np
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from textus.errors import DataError
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
    template may refer to. Raises DataError where the template is broken, or says that it cannot
    render these messages.
    """
    try:
        return _compiled(template).render(
            messages=messages,
            tools=tools,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **variables,
        )
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise DataError(
            f"the chat template cannot render these {len(messages)} messages: {error}. Change the "
            "messages, or give another template."
        ) from error


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
    marks = _Marks(list(definition.special_tokens))
    render = partial(
        render_chat,
        template,
        tools=marks.put_into(tools),
        _generation_marks=(marks.begin, marks.end),
        **_names_by_role(definition),
        **marks.put_into(variables),
    )
    marked = marks.put_into(list(messages))
    text = render(marked, add_generation_prompt=add_generation_prompt)
    if not _GENERATION.search(template):
        text = _mark_answers(text, marked, render, marks)
    plain = marks.take_out(text)
    ids, offsets = tokenizer.encode_with_offsets(
        plain.text, allowed_special="all", barriers=plain.barriers
    )
    mask = np.zeros(len(ids), dtype=bool)
    for start, end in plain.learnt:
        mask |= (offsets[:, 0] < end) & (offsets[:, 1] > start)
    return EncodedChat(np.array(ids, dtype=np.uint32), mask)


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
    """Marks within texts that nobody can guess, made of characters that Unicode keeps free."""

    def __init__(self, names: Sequence[str]):
        digits = str(secrets.randbits(64))
        self.barrier, self.begin, self.end = (f"\ufdd0{digits}{c}" for c in "\ufdd1\ufdd2\ufdd3")
        self._all = re.compile(f"\ufdd0{digits}[\ufdd1-\ufdd3]")
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
        if value is None or isinstance(value, int | float):
            return value
        raise DataError(
            f"a message holds {value!r} of type {type(value).__name__}; use what JSON can hold: "
            "strings, numbers, true, false, null, lists and objects."
        )

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
        cuts = [0, *sorted(places), len(text)]
        return self.barrier.join(text[a:b] for a, b in pairwise(cuts)) if places else text

    def _is_within_a_name(self, text: str) -> bool:
        return any(text in name for name in self.names)


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


class _GenerationBlocks(Extension):
    """{% generation %} ... {% endgeneration %}, around what the assistant says."""

    tags: set[str] = {"generation"}  # noqa: RUF012  as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("mark", [nodes.ContextReference()])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def mark(self, context: Context, caller: Callable[[], str]) -> str:
        """The block, between marks if `encode_chat` asks for them."""
        begin, end = context.get("_generation_marks", ("", ""))
        return begin + caller() + end


_GENERATION = re.compile(r"\{%[-+]?\s*generation\b")


@lru_cache(maxsize=32)
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlocks, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    return environment.from_string(
        template, globals={"raise_exception": _raise, "strftime_now": _time_now}
    )


def _time_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter writes JSON for web pages, with & as \\u0026; models know the plain
    one."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)
