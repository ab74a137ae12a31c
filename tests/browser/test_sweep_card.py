"""The card of a sweep in a real JupyterLab: its trials come one by one, the best is marked, and it freezes."""

import pytest

pytestmark = pytest.mark.browser

STEPS = """
    import pathlib, time
    from tauro_nb import Run

    def train(run: Run, depth: int = 1, kind: str = "x"):
        if depth == 3:
            raise ZeroDivisionError("<b>mine</b>")
        run.log_metric("f1", -abs(depth - 2))
        if depth == 4:
            for _ in range(2_000):
                if pathlib.Path("enough").exists():
                    break
                time.sleep(0.02)
"""
ROWS = """() => [...document.querySelectorAll('.tn-nodes tbody tr')]
    .map((row) => [...row.cells].map((cell) => cell.textContent))"""


def test_the_card_follows_the_trials_and_marks_the_best(notebook, lab, make_project_in):
    folder = lab.root / "sweeping"
    folder.mkdir()
    make_project_in(STEPS, {"train": {}}, root=folder)
    page = notebook(
        "%cd -q sweeping\n%load_ext tauro_nb",
        "x = %tauro sweep p -p depth=1,2,3,4 -p kind=<i>a</i>,b --trials 8 --maximize metrics.f1",
    )
    try:
        page.start()
        page.wait(f"() => ({ROWS})().length === 7")
        page.wait(f"() => ({ROWS})()[6][5].endsWith(' s')")
        rows = page.ask(ROWS)
        page.shot("sweep-running")
    finally:
        (folder / "enough").touch()
    assert [row[:5] for row in rows] == [
        ["1", "FINISHED", "1", "<i>a</i>", "-1"],
        ["2", "FINISHED", "1", "b", "-1"],
        ["3", "FINISHED", "2", "<i>a</i>", "0"],
        ["4", "FINISHED", "2", "b", "0"],
        ["5", "FAILED", "3", "<i>a</i>", ""],
        ["6", "FAILED", "3", "b", ""],
        ["7", "RUNNING", "4", "<i>a</i>", ""],
    ]
    assert [row[6] for row in rows] == ["", "", "best", "", *["ZeroDivisionError: <b>mine</b>"] * 2, ""]
    page.finished()
    page.wait("() => window.ran && !document.querySelector('.tn-live')")
    (output,) = page.outputs()[1]
    assert output["data"]["text/plain"].startswith("sweep p  [FINISHED]")
    assert "tn-mount" not in output["data"]["text/html"]
    assert "&lt;b&gt;mine" in output["data"]["text/html"]
    page.shot("sweep-frozen")
