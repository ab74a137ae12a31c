"""Where views stand."""

from tauro_nb.display.live.mount import Places


def test_what_is_missing_where_nothing_mounts_is_said_once_in_what_stays():
    places = Places()
    card, first, second = (places.next(stays=stays).around("<p>still</p>") for stays in (False, True, True))
    assert "<p>still</p>" in first
    assert "anywidget" in card  # it is gone with the card
    assert "anywidget" in first
    assert "anywidget" not in second
