"""Templates that fail in every way, and templates that would take all time and memory."""

import itertools

import pytest

from textus.errors import DataError
from textus.tokenizer import chat_templates as subject
from textus.tokenizer.chat_templates import render_template

MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0].nothing.more }}",
        "{{ messages[0].content.nothing() }}",
        "{{ none | length }}",
        "{{ none | tojson(indent='') | abs }}",
        "{{ 1 / 0 }}",
        "{{ '%d' % 'a' }}",
        "{{ '{}'.format() }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for x in messages recursive %}{{ loop(messages) }}{% endfor %}",
        "{{ ''.__class__ }}{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no') }}",
        "{% for %}",
        "{% include 'file' %}",
        "{{ 'a' | nothing }}",
        "{{ lipsum(9) }}",
        "{{ '\ud800'.encode() }}",
        5,
        None,
    ],
)
def test_whatever_fails_is_one_error(template):
    with pytest.raises(DataError, match=r"cannot render these 1 messages: .*another template"):
        render_template(template, {"messages": MESSAGES})


LOOPS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}",
]
DOUBLING = (
    "{{% set n = namespace(x={}) %}}{{% for _ in range(99) %}}{{% set n.x = {} %}}{{% endfor %}}"
)
GROWING = [
    "{{ 'a' * 10**12 }}",
    "{{ [1] * 10**12 }}",
    "{{ 10**12 * 'a' }}",
    "{{ 9 ** 9999 ** 9 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%*d' % (10**9, 1) }}",
    "{{ '{:999999999}'.format(1) }}",
    "{{ '{:{}}'.format(1, 10**9) }}",
    "{{ '%999999999d' | format(1) }}",
    "{{ 'a'.ljust(10**10) }}",
    "{{ 'a'.zfill(10**10) }}",
    "{{ '\t'.expandtabs(10**10) }}",
    "{{ 1.to_bytes(10**10) }}".replace("1.", "(1)."),
    "{{ 'a\nb' | indent(10**10) }}",
    "{{ messages | tojson(indent=10**9) }}",
    "{{ 2.5 | round(10**9, 'floor') }}",
    "{% set a = 'a' * 10**7 %}{{ a.replace('a', a) }}",
    "{% set a = 'a' * 10**7 %}{{ a | replace('a', a) }}",
    "{% set a = 'a' * 10**5 %}{{ a.join(a) }}",
    "{% set a = 'a' * 10**5 %}{{ a | join(a) }}",
    "{% set a = 'a' * 10**7 %}{{ a.translate({97: a}) }}",
    "{% set a = 'a' * 10**7 %}{{ ('%(a)s' * 10**6) % {'a': a} }}",
    "{% set a = 'a' * 10**7 %}{% for _ in range(99999) %}{{ a }}{% endfor %}",
    "{% set a = 'a' * 10**7 %}{% set b %}{% for _ in range(999) %}{{ a }}{% endfor %}{% endset %}",
    DOUBLING.format("'a'", "n.x ~ n.x"),
    DOUBLING.format("'a'", "n.x + n.x"),
    DOUBLING.format("[1]", "n.x + n.x"),
    DOUBLING.format("2", "n.x * n.x"),
    DOUBLING.format("[1]", "[n.x, n.x]") + "{{ n.x }}",
    DOUBLING.format("[1]", "[n.x, n.x]") + "{{ n.x | string }}",
    DOUBLING.format("[1]", "[n.x, n.x]") + "{{ n.x | tojson }}",
    DOUBLING.format("[1]", "[n.x, n.x]") + "{{ n.x ~ '' }}",
    DOUBLING.format("[1]", "[n.x, n.x]") + "{{ '%s' % [n.x] }}",
    DOUBLING.format("[1]", "[n.x, n.x]") + "{{ n.x | join }}",
]


@pytest.mark.parametrize("template", [*LOOPS, *GROWING])
def test_what_takes_too_long_or_too_much_is_ended(monkeypatch, template):
    monkeypatch.setattr(subject, "MAX_STEPS", 3000)
    monkeypatch.setattr(subject, "MAX_CHARACTERS", 30_000_000)
    with pytest.raises(DataError, match=r"takes more than|makes more than|width|reckons"):
        render_template(template, {"messages": MESSAGES})


def test_what_templates_do_stays_far_within_the_limits():
    messages = [{"role": "user", "content": "10000 * {a: {b}} 100% " * 50} for _ in range(900)]
    template = (
        "{% set n = namespace(text='') %}{% for m in messages %}"
        "{% set n.text = n.text ~ m.content | trim %}{{ '<%s> ' % m.role }}"
        "{{ '{}: {:>5}'.format(m.role, loop.index) ~ ' | **%s** 12345' % m.role }}"
        "{% if loop.index0 == messages | length - 1 %}{{ messages | tojson(indent=2) }}{% endif %}"
        "{{ m.content.replace('a', 'b').split()[0].ljust(20) | indent(4) }}{% endfor %}{{ n.text }}"
    )
    text = render_template(template, {"messages": messages})
    assert text.startswith("<user> user:     1 | **user** 1234510000")
    assert len(text) > 2 * sum(len(message["content"]) for message in messages)


def test_renderings_count_each_for_itself(monkeypatch):
    monkeypatch.setattr(subject, "MAX_STEPS", 10)
    for _ in itertools.repeat(None, 5):
        text = render_template("{% for m in range(8) %}{{ m }}{% endfor %}", {"messages": []})
        assert text == "01234567"
