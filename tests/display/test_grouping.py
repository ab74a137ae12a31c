import pytest

from tauro_nb.display.grouping import group_of


@pytest.mark.parametrize(
    ("key", "group", "label"),
    [
        ("loss", "loss", ""),
        ("train/loss", "loss", "train"),
        ("val_loss", "loss", "val"),
        ("Validation.f1-score", "f1-score", "Validation"),
        ("test accuracy", "accuracy", "test"),
        ("loss/train", "loss", "train"),
        ("encoder/layer1/norm", "norm", "encoder/layer1"),
        ("validation_0/logloss", "logloss", "validation_0"),
        ("valid_1/l2", "l2", "valid_1"),
        ("val_0", "0", "val"),
        ("training_time_s", "time_s", "training"),
        ("trainable", "trainable", ""),
        ("/loss", "/loss", ""),
        ("loss/", "loss/", ""),
        ("train/", "train/", ""),
    ],
)
def test_a_metric_falls_into_the_group_of_what_it_measures(key, group, label):
    assert group_of(key) == (group, label)
