"""Runs chat templates, which come with downloaded models: small programs by strangers.

They run in Jinja's sandbox, which keeps them from files, from Python's inner workings and from the
messages themselves, and within limits, so that none runs on for ever or fills the memory: a number
of steps, that is of calls and passes through loops, and a number of characters that all texts and
lists made on the way may have together. Filters that make much of little, and that chat templates
have no use for, are left out.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from textus.errors import DataError

MAX_STEPS = 1_000_000
MAX_CHARACTERS = 1 << 30
"""Over 1000 messages of 1000 characters each can be put together one by one."""

GENERATION_MARKS = "_generation_marks"
"""The variable with what is written before and behind {% generation %} blocks."""

_ENTRY = 16  # what an entry of a list counts, in characters
_MAX_BITS = 4096
_MAX_WIDTH = 10_000
_PERCENT_WIDTH = re.compile(r"%[-+ #0-9.]*(?:\*|\d{5})")
_BRACES_WIDTH = re.compile(r"\{[^{}:]*:[^{}]*(?:\{|\d{5})")
_LEFT_OUT = (
    "batch",
    "center",
    "filesizeformat",
    "pprint",
    "slice",
    "urlize",
    "wordwrap",
    "xmlattr",
)


def render_template(template: str, variables: Mapping[str, Any]) -> str:
    """The text that a template makes; DataError where it fails, whatever the reason, or goes
    beyond the limits."""
    token = _USED.set([0, 0])
    try:
        return _compiled(template).render(dict(variables))
    except Exception as error:  # a template may call anything, so it may raise anything
        messages = variables.get("messages", ())
        reason = error if isinstance(error, jinja2.TemplateError) else repr(error)
        raise DataError(
            f"the chat template cannot render these {len(messages)} messages: {reason!s:.1000}. "
            "Change the messages, or give another template."
        ) from error
    finally:
        _USED.reset(token)


_USED: ContextVar[list[int]] = ContextVar("steps and characters that a rendering has used")


def _step() -> None:
    used = _USED.get()
    used[0] += 1
    if used[0] > MAX_STEPS:
        raise jinja2.TemplateError(f"it takes more than {MAX_STEPS} steps")


def _spend(characters: int) -> None:
    used = _USED.get()
    used[1] += characters
    if used[1] > MAX_CHARACTERS:
        raise jinja2.TemplateError(f"it makes more than {MAX_CHARACTERS} characters")


def _spend_on(value: Any) -> Any:
    """Counts a text, or a list without what is in it."""
    if isinstance(value, str | bytes):
        _spend(len(value))
    elif isinstance(value, list | tuple | dict):
        _spend(_ENTRY * len(value))
    return value


def _spend_on_text_of(value: Any) -> Any:
    """Counts a value as the text that it would be written as."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            waiting += each
        _spend(len(each) if isinstance(each, str | bytes) else _ENTRY)
    return value


def _join(parts: Iterable[str]) -> str:
    """Jinja's way to make one text of what blocks, macros and the whole template write."""
    parts = list(parts)
    _spend(sum(map(len, parts)))
    return "".join(parts)


class _Counting(NodeTransformer):
    """Puts the counting of steps into loops and macros, and that of characters into `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node, nodes.For) and node.test is not None:
            node.test = nodes.Or(_call("passed", []), node.test)  # what is filtered out counts, too
        node.body.insert(0, nodes.ExprStmt(_call("passed", []), lineno=node.lineno))
        return node

    visit_Macro = visit_CallBlock = visit_For

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _call("join_values", node.nodes)


def _call(name: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None)


class _Generator(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:
        counting = _Counting().visit(node).set_environment(self.environment)
        super().visit_Template(counting, frame)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with limits."""

    code_generator_class = _Generator
    concat = staticmethod(_join)  # type: ignore[assignment]
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    @staticmethod
    def passed() -> None:
        """Stands in every pass through a loop; that it is called counts."""

    @staticmethod
    def join_values(*values: Any) -> str:
        """What `~` makes; as the result of a call it counts."""
        return "".join(v if isinstance(v, str) else _string(v) for v in values)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The result of an operator whose operands may be large."""
        if operator == "%" and isinstance(left, str):
            _check_percent(left, right)
        elif operator == "*":
            for many, text in ((left, right), (right, left)):
                if isinstance(many, int) and isinstance(text, str | bytes | list | tuple):
                    _spend(many * len(text) * (1 if isinstance(text, str | bytes) else _ENTRY))
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * (max(right, 1) if operator == "**" else 1)
            if max(bits, right.bit_length()) > _MAX_BITS:
                raise jinja2.TemplateError(f"it reckons with numbers of more than {_MAX_BITS} bits")
        return _spend_on(super().call_binop(context, operator, left, right))

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The result of a call, by which texts may grow."""
        _step()
        method = getattr(called, "__wrapped__", called)
        if isinstance(owner := getattr(method, "__self__", None), str | bytes | int):
            args = _check_method(owner, method.__name__, args, kwargs)
        return _spend_on(super().call(context, called, *args, **kwargs))


def _check_percent(template: str, values: Any) -> None:
    """Counts what `template % values` may become."""
    _check_format(_PERCENT_WIDTH, template, template.count("%"), values)


def _check_format(wide: re.Pattern[str], template: str, places: int, values: Any) -> None:
    if found := wide.search(template):
        raise jinja2.TemplateError(f"its format has the width {found.group()[:80]!r}")
    _spend(len(template))
    for _ in range(places):
        _spend_on_text_of(values)


def _check_method(
    owner: Any, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Counts what a method of a text or number may make of it; returns its arguments, what is to be
    joined as a list."""
    if name in ("format", "format_map"):
        bare = owner.replace("{{", "").replace("}}", "")
        _check_format(_BRACES_WIDTH, bare, bare.count("{"), [*args, *kwargs.values()])
        return args
    numbers = [each for each in (*args, *kwargs.values()) if isinstance(each, int)]
    _spend(sum(map(abs, numbers)) * (1 + owner.count("\t") if name == "expandtabs" else 1))
    if name == "join" and args:
        parts = list(args[0])
        _spend(len(owner) * len(parts) + sum(len(p) for p in parts if isinstance(p, str | bytes)))
        return (parts, *args[1:])
    if name == "replace" and len(args) >= 2:
        _spend(owner.count(args[0]) * len(args[1]))
    if name == "translate" and args and isinstance(args[0], Mapping):
        _spend(len(owner) * max((len(str(each)) for each in args[0].values()), default=0))
    return args


def _check_width(width: Any) -> None:
    size = width if isinstance(width, int) else len(width or "")
    if size > _MAX_WIDTH:
        raise jinja2.TemplateError(f"it asks for the width {size}, more than {_MAX_WIDTH}")


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    _check_percent(str(value), [args, kwargs])
    return str(value) % (kwargs or args)


def _indent(value: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    _check_width(width)
    _spend((width if isinstance(width, int) else len(width)) * (1 + value.count("\n")))
    return jinja2.filters.do_indent(value, width, first, blank)


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text, old, new = str(_spend_on_text_of(value)), str(old), str(new)
    _spend(text.count(old) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _round(value: Any, precision: int = 0, method: Any = "common") -> float:
    _check_width(abs(precision) * 100)
    return jinja2.filters.do_round(value, precision, method)


def _string(value: Any) -> str:
    return str(_spend_on_text_of(value))


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter writes JSON for web pages, with & as \\u0026; models know the plain
    one."""
    _check_width(indent)
    _spend_on_text_of(value)
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _counted(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose results count."""

    @wraps(filter_)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _spend_on(filter_(*args, **kwargs))

    return call


def _joining(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's `join`, whose parts count before they are joined."""

    @wraps(filter_)
    def call(eval_context: Any, value: Any, d: str = "", attribute: Any = None) -> Any:
        parts = list(_spend_on(value))
        _spend_on_text_of(parts)
        _spend(len(str(d)) * len(parts))
        return filter_(eval_context, parts, d, attribute)

    return call


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
        begin, end = context.get(GENERATION_MARKS, ("", ""))
        return begin + caller() + end


@lru_cache(maxsize=32)
def _compiled(template: str) -> jinja2.Template:
    environment = _Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_GenerationBlocks, loopcontrols],
        finalize=_spend_on_output,
    )
    environment.globals.pop("lipsum")
    for name in _LEFT_OUT:
        environment.filters.pop(name)
    filters = {name: _counted(filter_) for name, filter_ in environment.filters.items()}
    own = {"format": _format, "indent": _indent, "replace": _replace, "round": _round}
    own |= {"string": _string, "tojson": _to_json, "join": _joining(environment.filters["join"])}
    environment.filters = filters | {name: _counted(filter_) for name, filter_ in own.items()}
    return environment.from_string(
        template, globals={"raise_exception": _raise, "strftime_now": _time_now}
    )


def _spend_on_output(value: Any) -> Any:
    return value if isinstance(value, str) else _spend_on_text_of(value)


def _time_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)
