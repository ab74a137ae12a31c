"""Where views stand."""

from tauro_nb.display.live.mount import Places


def test_the_first_place_of_a_kernel_says_what_is_missing_where_nothing_mounts():
    places = Places()
    first, second = places.next().around("<p>still</p>"), places.next().around("<p>still</p>")
    assert "<p>still</p>" in first
    assert "anywidget" in first
    assert "anywidget" not in second
