"""Which number format `training.precision: auto` means on which machine."""

import pytest
import tensorflow as tf

from kerasapp.training.precision import policy


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ([], "float32"),
        ([(8, 0)], "mixed_bfloat16"),
        ([(9, 0), (8, 6)], "mixed_bfloat16"),
        ([(7, 5)], "float32"),
        ([(9, 0), (7, 5)], "float32"),  # a mirrored batch goes to both
        ([None], "float32"),  # no NVIDIA GPU
    ],
)
def test_auto_is_bfloat16_where_every_gpu_computes_it(monkeypatch, capabilities, expected):
    details = [
        {} if capability is None else {"compute_capability": capability} for capability in capabilities
    ]
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: range(len(details)) if kind == "GPU" else []
    )
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details[gpu])
    assert policy("auto") == expected


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_format_that_is_asked_for_is_taken(precision):
    assert policy(precision) == precision
