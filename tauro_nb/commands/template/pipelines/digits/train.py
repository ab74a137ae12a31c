"""Train a small network on scikit-learn's handwritten digits, one epoch after the other."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from tauro_nb import Run


def train(run: Run, learning_rate: float, hidden_units: int, batch_size: int, epochs: int):
    """Train for `epochs` epochs; `run` is started and ended by Tauro, because of its type hint."""
    images, digits = load_digits(return_X_y=True)
    images = images / 16.0
    train_x, val_x, train_y, val_y = train_test_split(images, digits, test_size=0.2, random_state=42, stratify=digits)
    run.log_params(
        {
            "model": "MLPClassifier",
            "learning_rate": learning_rate,
            "hidden_units": hidden_units,
            "batch_size": batch_size,
            "epochs": epochs,
        }
    )

    model = MLPClassifier((hidden_units,), learning_rate_init=learning_rate, random_state=42)
    order = np.random.default_rng(42)
    classes = np.arange(10)
    for epoch in range(epochs):
        for batch in np.array_split(order.permutation(len(train_x)), len(train_x) // batch_size):
            model.partial_fit(train_x[batch], train_y[batch], classes=classes)
        run.log_metrics(
            {
                "train/loss": log_loss(train_y, model.predict_proba(train_x)),
                "val/loss": log_loss(val_y, model.predict_proba(val_x)),
                "train/accuracy": model.score(train_x, train_y),
                "val/accuracy": model.score(val_x, val_y),
            },
            step=epoch,
        )

    run.log_model(model, artifact_path="models/digits.pkl")
    print(f"✓ {epochs} epochs, validation accuracy {run.metrics['val/accuracy']:.3f}")
    return run.metrics
