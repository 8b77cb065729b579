from textus.model.config.reach import BandedReach, FullReach, SlidingReach, StridedReach


def test_a_reach_says_how_much_of_a_text_is_kept():
    reaches = [FullReach(), SlidingReach(window=5), BandedReach(block=3), StridedReach(stride=4)]
    assert [reach.kept(20) for reach in reaches] == [20, 5, 6, 20]
    assert [reach.kept(4) for reach in reaches] == [4] * 4
