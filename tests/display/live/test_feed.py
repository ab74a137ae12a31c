from types import SimpleNamespace

import numpy as np

from tauro_nb.display.live.feed import Feed


class Log:
    """A run's points, and the page that is told of them."""

    def __init__(self):
        self.rows = []
        self.keys = []
        self.feed = Feed(self.tail, started_ns=0)
        self.page = {}

    def log(self, key, *values):
        if key not in self.keys:
            self.keys.append(key)
        number = self.keys.index(key)
        for value in values:
            step = sum(row[0] == number for row in self.rows[-1:]) and self.rows[-1][1] + 1
            self.rows.append((number, step, value, 10**9 * (len(self.rows) + 1)))

    def tail(self, cursor):
        rows = np.array(self.rows[cursor or 0 :], dtype=float).reshape(-1, 4).T
        names = SimpleNamespace(
            keys=list(self.keys),
            key_ids=rows[0].astype(int),
            steps=rows[1].astype(int),
            values=rows[2],
            at_ns=rows[3].astype(int),
        )
        return names, len(self.rows)

    def read(self, message, buffers):
        for number, facts in enumerate(message["points"]):
            old = self.page.setdefault(facts["id"], np.empty((3, 0)))
            new = np.array([np.frombuffer(part) for part in buffers[3 * number : 3 * number + 3]])
            assert facts["offset"] <= old.shape[1]
            self.page[facts["id"]] = np.concatenate([old[:, : facts["offset"]], new], axis=1)
        return sum(len(part) for part in buffers)

    def told(self):
        return self.read(*self.feed.news()) if self.feed.poll() else 0


def test_only_what_is_new_travels():
    log = Log()
    log.log("loss", 3.0, 2.0, 1.0)
    assert log.told() == 3 * 24
    log.log("loss", 0.5)
    assert log.told() == 24
    assert log.told() == 0
    assert log.page[0][2].tolist() == [3.0, 2.0, 1.0, 0.5]


def test_the_page_holds_what_the_feed_shows_after_any_length():
    log = Log()
    for part in np.split(np.random.default_rng(0).normal(size=24_000), 40):
        log.log("loss", *part)
        log.told()
    shown = log.page[0]
    assert shown.shape[1] <= 2_004
    assert shown[2].min() == min(row[2] for row in log.rows)
    assert shown[0, -1] == 23_999


def test_a_message_says_group_colour_and_exact_last_min_max():
    log = Log()
    log.log("train/loss", 3.0, float("nan"), 1.0)
    log.log("val/loss", 2.0)
    log.feed.poll()
    message, _ = log.feed.news()
    train, val = message["lines"]
    assert (train["group"], val["group"]) == ("loss", "loss")
    assert (train["label"], val["label"]) == ("train", "val")
    assert train["colour"] != val["colour"]
    facts = message["points"][0]
    assert (facts["count"], facts["last"], facts["min"], facts["max"]) == (3, 1.0, 1.0, 3.0)


def test_a_series_is_introduced_once_even_if_it_comes_late():
    log = Log()
    log.log("a", 1.0)
    log.feed.poll()
    assert [line["key"] for line in log.feed.news()[0]["lines"]] == ["a"]
    log.log("b", 1.0)
    log.feed.poll()
    assert [line["key"] for line in log.feed.news()[0]["lines"]] == ["b"]


def test_a_snapshot_opens_within_sixty_kilobytes_and_news_goes_on_from_it():
    log = Log()
    for key in ("a", "b", "c", "d", "e", "f"):
        log.log(key, *np.random.default_rng(0).normal(size=3_000))
    log.feed.poll()
    snapshot = log.feed.snapshot()
    assert sum(map(len, snapshot["buffers"])) < 60_000
    assert len(snapshot["lines"]) == 6
    log.read(snapshot, snapshot["buffers"])
    log.log("a", 9.0)
    log.told()
    assert log.page[0][2, -1] == 9.0


def test_what_a_snapshot_told_is_no_news():
    log = Log()
    log.log("a", 1.0, 2.0)
    log.feed.poll()
    log.feed.snapshot()
    assert not log.feed.poll()


def test_after_a_page_was_loaded_again_every_page_is_told_whole_series():
    log = Log()
    log.log("a", *range(500))
    log.feed.poll()
    first = log.feed.snapshot()
    log.read(first, first["buffers"])
    log.log("a", *range(5_000))
    log.feed.poll()
    log.feed.snapshot()
    log.log("a", -1.0)
    log.told()
    assert log.page[0][2, -1] == -1.0
    assert log.page[0][2].max() == 4_999


def test_a_page_that_asks_again_is_told_everything():
    log = Log()
    log.log("a", 1.0, 2.0)
    log.told()
    log.page.clear()
    log.feed.forget()
    log.told()
    assert log.page[0][2].tolist() == [1.0, 2.0]


def test_words_stand_for_numbers_that_json_does_not_have():
    log = Log()
    log.log("a", float("-inf"))
    log.feed.poll()
    facts = log.feed.news()[0]["points"][0]
    assert (facts["last"], facts["min"]) == ("-Infinity", "NaN")
