"""A page as HTML, as text, and its charts as SVG."""

import base64
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.display import format as fmt
from tauro_nb.display import html, svg, text
from tauro_nb.display.data import Cell, Column, Facts, Lines, Page, Panel, Panels, Series, Table, Tiles

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\"'`&<>", "\u202egnp.exe", "😀" * 50]


def everything(name):
    return Page(
        title=name,
        state=name,
        subtitle=(fmt.text(name),),
        sections=(
            Table((Column(name), Column("n", numeric=True)), ((Cell(name, title=name), fmt.number(1)),), title=name),
            Facts(((name, Cell(name, title=name, kind="code")),), title=name, folded=True),
            Tiles(((name, Cell(name, title=name)),)),
            Panels((Panel(name, (Series(name, (0.0, 1.0), (1.0, 2.0)),)),)),
            Lines(name, tone="bad"),
        ),
        footer=(name,),
    )


class Tags(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_people_typed_is_text_in_html_and_svg(name):
    source = html.render(everything(name))
    tags = Tags(source)
    assert tags.tags <= {
        "div",
        "span",
        "table",
        "tr",
        "td",
        "strong",
        "details",
        "summary",
        "img",
        "code",
    }
    assert tags.attributes <= {"class", "style", "title", "src", "alt", "width", "height"}
    for picture in re.findall(r"base64,([A-Za-z0-9+/=]+)", source):
        root = ET.fromstring(base64.b64decode(picture))
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "text", "path", "circle"}


def test_tables_pass_the_sanitizer_of_nbconvert_and_their_cells_are_told_apart_in_its_text():
    strings = pytest.importorskip("nbconvert.filters.strings", reason="nbconvert is not installed")
    table = Table((Column("run"), Column("loss", numeric=True)), ((Cell("first", kind="strong"), fmt.number(0.5)),))
    page = Page("Runs", state="FINISHED", sections=(table, Facts((("lr", fmt.number(0.1)),))), footer=("here", "there"))
    left = re.sub("&lt;/?tbody&gt;", "", strings.clean_html(html.render(page)))  # its parser adds what it then refuses
    assert "&lt;" not in left
    assert left.count("<tr>") == 3
    assert "<td><strong>first</strong></td> <td>0.5</td>" in left
    assert "first 0.5" in re.sub("<[^>]*>", "", left).splitlines()[1]


@given(st.text(max_size=60))
def test_any_text_gives_well_formed_svg_and_text_of_one_line_a_row(name):
    root = ET.fromstring(svg.draw(Panel(name, (Series(name, (0.0, 1.0), (1.0, 2.0)),))))
    assert root.tag.endswith("svg")
    assert text.render(Page(title=name)).count("\n") == 0


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), max_size=50),
)
def test_any_values_can_be_drawn(values):
    xs = tuple(float(i) for i in range(len(values)))
    drawn = svg.draw(Panel("loss", (Series("loss", xs, tuple(values)),)))
    assert "nan" not in drawn
    ET.fromstring(drawn)


def test_the_same_points_give_the_same_bytes():
    panel = Panel("loss", (Series("a", (0.0, 1.0, 2.0), (1.0, 0.5, 0.25)),))
    assert svg.draw(panel) == svg.draw(panel)


def test_nan_breaks_the_line_and_is_a_cross_and_an_infinity_is_a_mark_at_the_edge():
    drawn = svg.draw(
        Panel("loss", (Series("a", (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 2.0, math.nan, 1.0, 2.0, math.inf)),))
    )
    (line,) = re.findall(r'<path d="(M[^"]*)" fill="none"', drawn)
    assert line.count("M") == 2
    assert f"M{svg.WIDTH - svg.RIGHT:.1f} {svg.TOP:.1f}m" in drawn
    assert drawn.count("l6 6m0 -6l-6 6") == 1


def test_a_loss_that_diverged_for_good_is_seen_and_stays_small():
    values = (1.0, *(math.nan,) * 900)
    drawn = svg.draw(Panel("loss", (Series("train", tuple(map(float, range(901))), values),)))
    assert 10 < drawn.count("l6 6m0 -6l-6 6") < 60
    assert "train NaN" in drawn


def test_a_picture_tells_last_least_and_greatest_to_who_does_not_see_it():
    shown = html.render(Page(title="r", sections=(Panels((Panel("loss", (Series("a", (0.0, 1.0), (2.0, 0.5)),)),)),)))
    told = "Chart of loss: a last 0.5  min 0.5  max 2  at step 1"
    assert f'alt="{told}" title="{told}"' in shown


def test_an_empty_table_says_what_to_type_to_fill_it():
    page = Page("runs", sections=(Table((Column("run"),), (), empty="%tauro run PIPELINE"),))
    assert "%tauro run PIPELINE" in html.render(page)
    assert "%tauro run PIPELINE" in text.render(page)


def test_numbers_stand_right_aligned_under_their_head():
    rows = ((Cell("a"), fmt.number(5)), (Cell("b"), fmt.number(12345.6)))
    shown = text.render(Page("t", sections=(Table((Column("run"), Column("n", numeric=True)), rows),)))
    assert shown.splitlines()[1:] == ["  run       n", "  a         5", "  b    12,346"]


def test_wide_characters_keep_the_columns_of_a_table_straight():
    rows = ((Cell("模型"), Cell("x")), (Cell("ab"), Cell("y")))
    lines = text.render(Page("t", sections=(Table((Column("n"), Column("v")), rows),))).splitlines()
    assert lines[2] == "  模型  x"
    assert lines[3] == "  ab    y"


@pytest.mark.parametrize(
    "values", [(1e308, -1e308), (5e-324, 0.0), (1.0, 1.0000000000000002), (1e-15, 3e-15), (1.8e308, 0.0)]
)
def test_the_ends_of_what_a_float_can_hold_can_be_drawn(values):
    drawn = svg.draw(Panel("loss", (Series("loss", (0.0, 1.0), values),)))
    assert "inf" not in drawn
    assert "nan" not in drawn
