"""What all tasks share, each with a small configuration: the contract, and the models that they keep."""

import contract
import keras
import numpy as np
import pytest

import kerasapp
from kerasapp.errors import ConfigError

TRAINING = {"batch_size": 8, "steps": 4, "seed": 3}


def generation(text_file, *_, **sections):
    return kerasapp.Generation(
        data={"files": [str(text_file)], "window": 12},
        model={"units": 8, "embedding_size": 4},
        training=TRAINING | sections.pop("training", {}),
        **sections,
    )


def translation(_, reversal_pairs, *__, **sections):
    return kerasapp.Translation(
        data={"pairs": str(reversal_pairs), "tokenizer": "characters"},
        model={"units": 8, "embedding_size": 4},
        training=TRAINING | sections.pop("training", {}),
        **sections,
    )


def synthesis(_, __, speech_folder, **sections):
    small = {"encoder_units": 8, "embedding_size": 4, "decoder_units": 8, "encoder_layers": 1}
    return kerasapp.Synthesis(
        data={"directory": str(speech_folder), "language": "none"},
        audio={"sample_rate": 8000, "mels": 20, "f_max": 4000.0},
        model={
            **small,
            "attention_size": 4,
            "postnet_layers": 2,
            "postnet_channels": 8,
            "prenet_dropout": 0.1,
        },
        training=TRAINING | {"guide_steps": 100} | sections.pop("training", {}),
        **sections,
    )


def series(*_, **sections):
    return kerasapp.Series(
        preset="sunspots",
        data={"window": 12},
        model={"units": 8, "layers": 2, "dropout": 0.1},
        training=TRAINING | {"average": 0.0} | sections.pop("training", {}),
        **sections,
    )


@pytest.fixture(params=[generation, translation, synthesis, series])
def make(request, text_file, reversal_pairs, speech_folder):
    keras.utils.set_random_seed(2)
    return lambda **sections: request.param(text_file, reversal_pairs, speech_folder, **sections)


def test_a_task_builds_models_of_its_batches(make):
    contract.check_build(make())


def test_a_task_takes_any_length(make):
    contract.check_variable_length(make())


def test_steps_of_fit_train_every_weight(make):
    contract.check_fit_steps(make())


def test_fit_takes_any_batch(make):
    contract.check_fit_of_any_batch(make())


def test_a_clone_keeps_the_weights(make):
    contract.check_clone(make())


def test_a_stored_model_is_the_same(make, tmp_path):
    contract.check_save_and_load(make(), tmp_path / "model.keras")


def test_what_is_stored_of_mixed_training_is_float32_and_one_model(make):
    task = make(training={"precision": "mixed_bfloat16"})
    model = task.build()
    serving_model = task.serving_model(model)
    assert "bfloat16" in {layer.compute_dtype for layer in model.layers}
    assert {layer.compute_dtype for layer in serving_model.layers} == {"float32"}
    for weight, stored in zip(model.get_weights(), serving_model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, stored)
    model.set_weights([weight + 1.0 for weight in model.get_weights()])
    assert task.serving_model(model) is serving_model
    np.testing.assert_array_equal(serving_model.get_weights()[0], model.get_weights()[0])


def test_one_servable_serves_a_whole_training(make):
    task = make()
    serving_model = task.serving_model(task.build())
    assert task.serving(serving_model) is task.serving(serving_model)
    other = task.build(training=False)
    assert task.serving(other) is not task.serving(serving_model)


def test_a_tokenizer_that_is_given_is_used(make, tmp_path):
    first = make()
    first.save_tokenizer(tmp_path)
    loaded = type(first).load_tokenizer(tmp_path)
    assert make(tokenizer=loaded).tokenizer is loaded
    assert make(tokenizer=loaded).fingerprint() == first.fingerprint()


def test_an_unknown_preset_and_key_are_named(make):
    with pytest.raises(ConfigError, match="no-such"):
        type(make())(preset="no-such")
    with pytest.raises(ConfigError, match="no_such"):
        make(training={"no_such": 1})
