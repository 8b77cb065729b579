from textus.tokenizer.formats.byte_level import BYTES_IN_ID_ORDER, to_bytes, to_characters


def test_every_byte_has_a_visible_character_of_its_own():
    every_byte = bytes(range(256))
    spelling = to_characters(every_byte)
    assert len(set(spelling)) == 256
    assert all(not character.isspace() and character.isprintable() for character in spelling)
    assert to_bytes(spelling) == every_byte


def test_ids_follow_the_order_of_the_characters():
    assert list(BYTES_IN_ID_ORDER) == sorted(
        range(256), key=lambda byte: to_characters(bytes([byte]))
    )


def test_space_and_newline_are_spelt_as_in_gpt2():
    assert to_characters(b" the\n") == "ĠtheĊ"
