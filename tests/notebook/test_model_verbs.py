"""The verbs of the model registry in a real kernel."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    from tauro_nb import ModelRegistry

    def train(registry: ModelRegistry, rate: float = 0.5):
        return registry.register_model({"rate": rate}, "churn", metrics={"accuracy": rate}).version
"""


@pytest.fixture(scope="module")
def kernel(start_kernel, make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, {"train": {}}, pipelines={"training": ["train"]}, root=root)
    started = start_kernel(root)
    assert started.run("%load_ext tauro_nb\n%tauro load dev").status == "ok"
    for rate in ("0.25", "0.5"):
        assert started.run(f"%tauro run training -p rate={rate}").status == "ok"
    return started


def test_an_alias_is_set_from_a_cell_and_its_version_is_the_value(kernel):
    assert kernel.run("v = %tauro alias churn 2 champion\nv.aliases").value == "('champion',)"
    assert kernel.run("registry.load_model('churn@champion')").value == "{'rate': 0.5}"


def test_a_version_goes_out_and_comes_in_by_cells(kernel):
    assert kernel.run("%tauro models export churn 1 churn.zip").value.startswith("✓ churn v1 written to ")
    assert kernel.run("v = %tauro models import churn.zip --name copy\n(v.name, v.version)").value == "('copy', 1)"


def test_models_alone_are_the_registry_and_pruning_shows_what_would_go(kernel):
    assert kernel.run("r = %tauro models\nr is registry").value == "True"
    shown = kernel.run("%tauro models prune").shown[0]
    assert "Versions to go" in shown["text/html"]
    assert kernel.run("c = registry.compare('churn', 1, 2)\nc").value.startswith("churn: v1, v2")


def test_the_doctor_reports(kernel):
    assert kernel.run("report = %tauro doctor --clean\nreport.ok").value == "True"


def test_tab_offers_the_commands_of_models(kernel):
    assert set(kernel.complete("%tauro models ")["matches"]) == {"prune", "export", "import"}
    assert set(kernel.complete("%tauro alias ")["matches"]) >= {"churn"}
