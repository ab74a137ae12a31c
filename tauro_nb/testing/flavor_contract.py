"""What every flavor must do, as a test class.

Derive from `FlavorContract` in a test module, and give the two fixtures ``flavor`` and ``model``; `same` says when a
loaded model is as good as the saved one, `refused` which of the flavor's endings cannot hold this model.
"""

# ruff: noqa: D102 - the name of a test says what it does

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tauro_nb.errors import ModelNotSerializable
from tauro_nb.mlops.registry.flavors import Flavor, ModelMeta, Saved


class FlavorContract:
    """The promises of `Flavor`."""

    refused: frozenset[str] = frozenset()
    """Those of the flavor's `suffixes` under which the model does not go into one file."""

    @pytest.fixture
    def flavor(self) -> Flavor:
        """Return the flavor under test."""
        raise NotImplementedError("give the fixture 'flavor'")

    @pytest.fixture
    def model(self) -> Any:
        """Return a model that the flavor takes."""
        raise NotImplementedError("give the fixture 'model'")

    def same(self, loaded: Any, model: Any) -> bool:
        """Tell whether `loaded` behaves as `model`."""
        return bool(loaded == model)

    def test_it_is_a_flavor_and_takes_the_model(self, flavor: Flavor, model: Any) -> None:
        assert isinstance(flavor, Flavor)
        assert flavor.name
        assert flavor.matches(model)

    def test_matching_takes_any_object(self, flavor: Flavor) -> None:
        for value in (None, 3, "text", object(), {"a": 1}, int, lambda: None):
            assert flavor.matches(value) in (True, False)

    def test_a_saved_model_comes_back(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        meta = self._meta(flavor, flavor.save(model, tmp_path))
        assert self.same(flavor.load(tmp_path, meta), model)

    def test_a_saved_model_comes_back_from_another_folder(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        (tmp_path / "first").mkdir()
        meta = self._meta(flavor, flavor.save(model, tmp_path / "first"))
        (tmp_path / "first").rename(tmp_path / "second")
        assert self.same(flavor.load(tmp_path / "second", meta), model)

    def test_what_it_tells_survives_json(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        saved = flavor.save(model, tmp_path)
        assert msgspec.json.decode(msgspec.json.encode(saved), type=Saved) == saved

    def test_the_file_that_it_names_is_there(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        saved = flavor.save(model, tmp_path)
        assert any(tmp_path.iterdir())
        assert saved.file is None or (tmp_path / saved.file).exists()

    def test_it_writes_under_a_chosen_name(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        for suffix in sorted(flavor.suffixes - self.refused):
            saved = flavor.save(model, tmp_path, f"chosen{suffix}")
            assert saved.file == f"chosen{suffix}"
            assert self.same(flavor.load(tmp_path, self._meta(flavor, saved)), model)

    def test_it_refuses_names_under_which_the_model_does_not_go(
        self, flavor: Flavor, model: Any, tmp_path: Path
    ) -> None:
        for suffix in sorted(flavor.suffixes & self.refused):
            with pytest.raises(ModelNotSerializable) as caught:
                flavor.save(model, tmp_path, f"chosen{suffix}")
            assert caught.value.fix
            assert not (tmp_path / f"chosen{suffix}").exists()

    def test_it_says_which_versions_wrote_the_model(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        packages = flavor.save(model, tmp_path).packages
        assert all(name and version for name, version in packages.items())

    def test_a_loaded_model_outlives_its_folder(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        meta = self._meta(flavor, flavor.save(model, tmp_path))
        loaded = flavor.load(tmp_path, meta)
        if not isinstance(loaded, Path):
            shutil.rmtree(tmp_path)
            assert self.same(loaded, model)

    def test_it_says_the_same_of_every_model_of_one_format(self, flavor: Flavor, model: Any, tmp_path: Path) -> None:
        saved = flavor.save(model, tmp_path)
        assert flavor.runs_code(saved) is flavor.runs_code(msgspec.structs.replace(saved, packages={}))

    def _meta(self, flavor: Flavor, saved: Saved) -> ModelMeta:
        return ModelMeta(flavor=flavor.name, runs_code=flavor.runs_code(saved), **msgspec.structs.asdict(saved))
