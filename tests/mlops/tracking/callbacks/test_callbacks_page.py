"""The examples in docs/tutorial.md, each with its framework, where that is installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "tutorial.md"
_, _, _section = PAGE.read_text(encoding="utf-8").partition("## 8. Curves from your framework")
SHARED, *EXAMPLES = re.findall(r"^```python\n(.*?)^```", _section.partition("\n## ")[0], flags=re.MULTILINE | re.DOTALL)
BY_FRAMEWORK = {re.findall(r'run\.callback\("(\w+)"', example)[0]: example for example in EXAMPLES}


@pytest.mark.filterwarnings("default")  # what a framework has to say of its own dependencies
@pytest.mark.parametrize("framework", ["xgboost", "lightgbm", "catboost", "keras", "lightning", "transformers"])
def test_the_example_leaves_curves_in_its_run(framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(framework, reason=f"{framework} is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(SHARED + BY_FRAMEWORK[framework], names)
    (run,) = names["tracker"].search_runs()
    assert (run.name, run.status) == (framework, "FINISHED")
    assert run.params
    assert max(run.metric_history()["step"]) > 1
