"""Which pair raises the likelihood of the text most, compiled: count(ab) / (count(a) count(b)).

A merge takes from the counts of two pieces, and so changes the scores of all pairs that these are
part of: of a frequent letter, with almost every piece. To rank them anew each time would take too
long. So each pair belongs to the more frequent of its pieces, its hub, and the pairs of a hub are
ranked in a heap of their own: the hub's count is in all their scores, and their order depends on
their own counts and those of the rarer pieces alone. When a piece's count changes, only the pairs
of which it is the rarer piece change places, and these are few. A tournament among the hubs finds
the best of all.

The heaps are pairing heaps (Fredman et al. 1986), from which any pair can be taken out. All
comparisons are exact, so that the order is the same everywhere.
"""

import numpy as np
from numba import njit

from textus.tokenizer.wordpiece.merging import (
    CHANGED,
    MERGES,
    NONE,
    PAIRS,
    PIECES,
    RANKED,
    TOUCHED,
    Int,
    State,
    has_room,
    inner,
    left_of,
    merge_pair,
    right_of,
)

_CLEARLY = 1 + 1e-12  # far above the rounding of two products of doubles
_SURELY_INT64 = 4e18
_LIMBS = 6
_LIMB = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@inner
def _times(limbs: np.ndarray, factor: int) -> np.ndarray:
    """A number of six limbs of 32 bits times one of 64 bits."""
    product = np.zeros(_LIMBS, dtype=np.uint64)
    for shift in range(2):
        part = np.uint64(factor) >> np.uint64(32 * shift) & _LOW
        carry = np.uint64(0)
        for i in range(_LIMBS - shift):
            total = product[i + shift] + limbs[i] * part + carry
            product[i + shift] = total & _LOW
            carry = total >> _LIMB
    return product


@inner
def _compare_wide(a: int, b: int, c: int, x: int, y: int, z: int) -> int:
    one = np.zeros(_LIMBS, dtype=np.uint64)
    one[0] = 1
    left, right = _times(_times(_times(one, a), b), c), _times(_times(_times(one, x), y), z)
    for i in range(_LIMBS - 1, -1, -1):
        if left[i] != right[i]:
            return 1 if left[i] > right[i] else -1
    return 0


@njit(cache=True, nogil=True)
def compare_products(a: int, b: int, c: int, x: int, y: int, z: int) -> int:
    """1, 0 or -1 as a b c is greater than, equal to or less than x y z, exactly; none is below
    0."""
    left = np.float64(a) * np.float64(b) * np.float64(c)
    right = np.float64(x) * np.float64(y) * np.float64(z)
    if left > right * _CLEARLY:
        return 1
    if right > left * _CLEARLY:
        return -1
    if max(left, right) > _SURELY_INT64:
        return _compare_wide(a, b, c, x, y, z)
    left_exact, right_exact = a * b * c, x * y * z
    return int(left_exact > right_exact) - int(left_exact < right_exact)


@inner
def _precedes(state: State, one: Int, other: Int) -> bool:
    """Whether one pair is merged before another: by score, by count, then the smallest ids."""
    first, second = state.pair[one], state.pair[other]
    same = first.hub == second.hub
    sign = compare_products(
        first.count,
        state.piece[second.rarer].count,
        1 if same else state.piece[second.hub].count,
        second.count,
        state.piece[first.rarer].count,
        1 if same else state.piece[first.hub].count,
    )
    if sign != 0:
        return sign > 0
    if first.count != second.count:
        return first.count > second.count
    return first.key < second.key


@inner
def _meld(state: State, one: Int, other: Int) -> Int:
    """One heap of two; returns its root."""
    if _precedes(state, other, one):
        one, other = other, one
    child = state.pair[one].child
    state.pair[other].next = child
    state.pair[other].previous = one
    if child != NONE:
        state.pair[child].previous = other
    state.pair[one].child = other
    return one


@inner
def _meld_siblings(state: State, first: Int) -> Int:
    """One heap of a row of siblings, in two passes: by twos from the left, then all from the
    right; -1 for an empty row."""
    pair = state.pair
    melded = NONE  # the heaps of two so far, the last one first
    while first != NONE:
        second = pair[first].next
        rest = NONE if second == NONE else pair[second].next
        two = first if second == NONE else _meld(state, first, second)
        pair[two].next = melded
        melded, first = two, rest
    whole = NONE
    while melded != NONE:
        rest = pair[melded].next
        whole = melded if whole == NONE else _meld(state, whole, melded)
        melded = rest
    return whole


@inner
def _note_change(state: State, hub: Int) -> None:
    if not state.piece[hub].changed:
        state.piece[hub].changed = 1
        state.changed[state.sizes[CHANGED]] = hub
        state.sizes[CHANGED] += 1


@inner
def _add(state: State, hub: Int, heap: Int) -> None:
    """Puts a heap, or a single pair, into the heap of a hub."""
    root = state.piece[hub].root
    if heap != NONE:
        root = heap if root == NONE else _meld(state, root, heap)
        state.pair[root].next, state.pair[root].previous = NONE, NONE
    state.piece[hub].root = root
    _note_change(state, hub)


@inner
def _take_out(state: State, index: Int) -> None:
    """Takes a pair out of the heap of its hub, whatever its score has become."""
    taken = state.pair[index]
    children, before, after = taken.child, taken.previous, taken.next
    taken.child, taken.next, taken.previous = NONE, NONE, NONE
    if before == NONE:
        state.piece[taken.hub].root = NONE
    elif state.pair[before].child == index:
        state.pair[before].child = after
    else:
        state.pair[before].next = after
    if after != NONE:
        state.pair[after].previous = before
    _add(state, taken.hub, _meld_siblings(state, children))


@inner
def _enter(state: State, index: Int) -> None:
    """Gives a pair to the piece that is now the more frequent one, for good."""
    pair = state.pair[index]
    hub, rarer = left_of(pair.key), right_of(pair.key)
    if state.piece[rarer].count > state.piece[hub].count:
        hub, rarer = rarer, hub
    pair.hub, pair.rarer = hub, rarer
    pair.child, pair.next, pair.previous = NONE, NONE, NONE
    pair.same_rarer = state.piece[rarer].first_rarer
    state.piece[rarer].first_rarer = index


@inner
def _rank(state: State, index: Int, is_new: bool, min_frequency: Int) -> None:
    """Ranks a pair, again or for the first time; one that has become too rare is dropped."""
    pair = state.pair[index]
    frequent = pair.count >= min_frequency
    if is_new and frequent:
        _enter(state, index)
    elif pair.hub != NONE:
        _take_out(state, index)
    if frequent:
        _add(state, pair.hub, index)
    else:
        pair.hub = NONE


@inner
def _forget_dropped(state: State, piece: Int) -> None:
    """Leaves only ranked pairs in the list of those of which a piece is the rarer part."""
    before, index = np.int64(NONE), state.piece[piece].first_rarer
    while index != NONE:
        following = state.pair[index].same_rarer
        if state.pair[index].hub != NONE:
            before = index
        elif before == NONE:
            state.piece[piece].first_rarer = following
        else:
            state.pair[before].same_rarer = following
        index = following


@inner
def _touch_pairs_of(state: State, piece: Int) -> None:
    """Adds the pairs of which a piece is the rarer part to those that are to be ranked again."""
    _forget_dropped(state, piece)
    index = state.piece[piece].first_rarer
    while index != NONE:
        pair = state.pair[index]
        if pair.touched != state.sizes[MERGES]:
            pair.touched = state.sizes[MERGES]
            state.touched[state.sizes[TOUCHED]] = index
            state.sizes[TOUCHED] += 1
        index = pair.same_rarer


@inner
def _better_hub(state: State, one: Int, other: Int) -> Int:
    """The hub with the better pair; one that has lost its last pair may stand here until its own
    turn comes."""
    if one == NONE or state.piece[one].root == NONE:
        return other
    if other == NONE or state.piece[other].root == NONE:
        return one
    return other if _precedes(state, state.piece[other].root, state.piece[one].root) else one


@inner
def _play(state: State) -> None:
    """Brings the tournament up to date."""
    tournament = state.tournament
    for i in range(state.sizes[CHANGED]):
        hub = state.changed[i]
        state.piece[hub].changed = 0
        at = (len(tournament) >> 1) + hub
        tournament[at] = NONE if state.piece[hub].root == NONE else hub
        at >>= 1
        while at > 0:
            tournament[at] = _better_hub(state, tournament[2 * at], tournament[2 * at + 1])
            at >>= 1
    state.sizes[CHANGED] = 0


@njit(cache=True, nogil=True)
def merge_likeliest(state: State, table: np.ndarray, until: int, min_frequency: int) -> bool:
    """Merges until there are `until` pieces or the table of pairs is full; returns whether it has
    come to its end: no pair is frequent enough."""
    sizes = state.sizes
    while True:
        for i in range(sizes[TOUCHED]):
            index = np.int64(state.touched[i])
            _rank(state, index, index >= sizes[RANKED], min_frequency)
        sizes[TOUCHED], sizes[RANKED] = 0, sizes[PAIRS]
        _play(state)
        hub = state.tournament[1]
        if hub == NONE or sizes[PIECES] >= until or not has_room(state, table):
            return hub == NONE
        index = state.piece[hub].root
        merge_pair(state, table, index, min_frequency)
        for piece in (left_of(state.pair[index].key), right_of(state.pair[index].key)):
            _touch_pairs_of(state, piece)
            _note_change(state, piece)
