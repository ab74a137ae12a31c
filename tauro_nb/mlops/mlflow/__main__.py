"""``python -m tauro_nb.mlops.mlflow``: the process that delivers; only a `Replica` starts it."""

from __future__ import annotations

from tauro_nb.mlops.mlflow.delivering import main

if __name__ == "__main__":
    main()
