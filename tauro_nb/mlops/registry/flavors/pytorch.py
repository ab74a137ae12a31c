"""PyTorch: modules, their weights, and TorchScript.

A module of ``torch.nn``'s own classes is written by ``torch.save`` and read with ``weights_only=True``, which builds
the classes that are admitted here and runs nothing else. A module with classes of one's own is code, and so is
TorchScript. Weights alone (a ``state_dict``) are safetensors where that is installed.
"""

from __future__ import annotations

import importlib.util
import pickle
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tauro_nb.errors import MissingDependency, ModelNotSerializable, Untrusted, UsageError
from tauro_nb.mlops.registry import formats
from tauro_nb.mlops.registry.flavors.protocol import ModelMeta, Saved

MODULE = "torch"
"""What ``torch.save`` writes, read with ``weights_only=True``."""
PICKLED = "torch-pickle"
"""The same, read as the pickle that it is."""
SCRIPT = "torchscript"
SAFETENSORS = "safetensors"

_ACTIVATIONS = frozenset({"torch._C._nn.gelu", "torch.nn.functional.relu"})
"""Functions that layers of ``torch.nn`` refer to; they compute, and do nothing else."""


class TorchFlavor:
    """An ``nn.Module``, a ``ScriptModule``, or a ``dict`` of tensors; loaded onto the CPU."""

    name = "torch"
    suffixes = frozenset({".pt", ".pth", ".safetensors"})

    def matches(self, model: Any) -> bool:
        """Tell whether a PyTorch that can say what a file names (2.6) is loaded, and this is a module or weights."""
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(getattr(torch, "serialization", None), "get_unsafe_globals_in_checkpoint"):
            return False
        return isinstance(model, torch.nn.Module) or _are_weights(torch, model)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write what runs no code when it is read, unless the model is code itself."""
        if not self.matches(model):
            raise formats.foreign(self.name, model)
        torch = sys.modules["torch"]
        if _are_weights(torch, model):
            return _save_weights(torch, model, folder, file)
        if file is not None and file.lower().endswith(".safetensors"):
            raise ModelNotSerializable(
                f"{file}: safetensors hold tensors, and no {formats.title(model)}",
                fix="log model.state_dict(), or end the name in .pt",
            )
        target = folder / (file or "model.pt")
        if isinstance(model, torch.jit.ScriptModule):
            with formats.writing(SCRIPT, model, target), _script_is_deprecated():
                torch.jit.save(model, target)
            return Saved(format=SCRIPT, file=target.name, packages=formats.versions({"torch"}))
        return _save_module(torch, model, target)

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return the module or the weights, on the CPU."""
        path = folder / (meta.file or "")
        if meta.format == SAFETENSORS:
            return formats.imported("safetensors.torch", meta).load_file(path)
        torch = formats.imported("torch", meta)
        if meta.format == SCRIPT:
            with _script_is_deprecated():
                return torch.jit.load(path, map_location="cpu")
        if meta.format == PICKLED:
            return torch.load(path, map_location="cpu", weights_only=False)
        named = ((name, _admitted(torch, name)) for name in _names_in(torch, path))
        try:
            with torch.serialization.safe_globals([(each, name) for name, each in named if each is not None]):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise Untrusted(
                f"{path.name} is no file of weights and of torch.nn's own classes: {error}", fix="do not open it"
            ) from error

    def runs_code(self, meta: Saved) -> bool:
        """Tell so of all but weights, and modules of ``torch.nn``'s own classes."""
        return meta.format not in {MODULE, SAFETENSORS}

    def predict(self, model: Any, data: Any) -> Any:
        """Return what a module gives in evaluation mode, as arrays; a table becomes numbers of the weights' type."""
        torch = sys.modules["torch"]
        if not isinstance(model, torch.nn.Module):
            raise UsageError("weights alone predict nothing", fix="load_state_dict() them into their module")
        weights = next((each for each in model.parameters() if each.is_floating_point()), None)
        table = hasattr(data, "to_numpy")
        given = data if isinstance(data, torch.Tensor) else torch.tensor(data.to_numpy() if table else data)
        if weights is not None:
            given = given.to(weights.device, weights.dtype if table or given.is_floating_point() else None)
        modes = [(part, part.training) for part in model.modules()]
        model.eval()
        try:
            with torch.inference_mode():
                return _as_arrays(torch, model(given))
        finally:
            for part, training in modes:
                part.training = training


def _save_weights(torch: ModuleType, weights: dict[str, Any], folder: Path, file: str | None) -> Saved:
    if file is None:
        if importlib.util.find_spec("safetensors") is None:
            return _save_weights(torch, weights, folder, "weights.pt")
        try:
            return _save_weights(torch, weights, folder, "weights.safetensors")
        except ModelNotSerializable:  # tensors that share their memory
            return _save_weights(torch, weights, folder, "weights.pt")
    target = folder / file
    if target.suffix.lower() != ".safetensors":
        with formats.writing(MODULE, weights, target):
            torch.save({name: each.detach() for name, each in weights.items()}, target)
        return Saved(format=MODULE, file=file, packages=formats.versions({"torch"}))
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise MissingDependency("the format safetensors needs that package", fix="pip install safetensors") from error
    with formats.writing(SAFETENSORS, weights, target):
        save_file({name: each.detach().contiguous() for name, each in weights.items()}, target)
    return Saved(format=SAFETENSORS, file=file, packages=formats.versions({"safetensors", "torch"}))


def _save_module(torch: ModuleType, model: Any, target: Path) -> Saved:
    try:
        with formats.writing(MODULE, model, target):
            torch.save(model, target)
    except ModelNotSerializable:  # made inside a function: only its code tells what it is
        foreign = [formats.title(model)]
        by_value = True
    else:
        foreign = sorted(name for name in _names_in(torch, target) if _admitted(torch, name) is None)
        by_value = any(name.startswith("__main__.") for name in foreign)
    if not foreign:
        return Saved(format=MODULE, file=target.name, packages=formats.versions({"torch"}))
    if by_value:
        try:
            import cloudpickle
        except ImportError as error:
            raise MissingDependency.of("cloudpickle", "mlops", what="saving classes of a notebook") from error
        with formats.writing(PICKLED, model, target):
            torch.save(model, target, pickle_module=cloudpickle)
    packages = {"torch", *(["cloudpickle"] if by_value else []), *(name.partition(".")[0] for name in foreign)}
    return Saved(
        format=PICKLED,
        file=target.name,
        details={"not_weights_only": f"it has {', '.join(foreign)}"},
        packages=formats.versions(packages - {"__main__", "builtins"}),
    )


def _are_weights(torch: ModuleType, model: Any) -> bool:
    return (
        isinstance(model, dict)
        and bool(model)
        and all(isinstance(name, str) and isinstance(each, torch.Tensor) for name, each in model.items())
    )


def _names_in(torch: ModuleType, path: Path) -> list[str]:
    """Return the classes and functions in a file that ``weights_only=True`` would refuse; builds none of them."""
    names: list[str] = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return names


def _admitted(torch: ModuleType, name: str) -> Any:
    """Return a layer of ``torch.nn`` or one of its activations by its full name; None for anything else."""
    if not name.startswith("torch.nn.modules.") and name not in _ACTIVATIONS:
        return None
    found: Any = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    is_layer = isinstance(found, type) and issubclass(found, torch.nn.Module)
    return found if is_layer or name in _ACTIVATIONS else None


def _as_arrays(torch: ModuleType, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.cpu().numpy()
    if isinstance(value, (tuple, list)):
        return type(value)(_as_arrays(torch, each) for each in value)
    if isinstance(value, dict):
        return {key: _as_arrays(torch, each) for key, each in value.items()}
    return value


@contextmanager
def _script_is_deprecated() -> Iterator[None]:
    """Keep to ourselves what PyTorch tells its callers of TorchScript: who has such a model knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
