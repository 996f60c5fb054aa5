"""Requests that TF Serving replays before a version takes traffic."""

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2


def write(path, model_name, requests):
    """Writes TF Serving's warm-up file, a TFRecord of `PredictionLog`.

    Format: https://www.tensorflow.org/tfx/serving/saved_model_warmup

    Args:
        path: `…/assets.extra/tf_serving_warmup_requests`.
        model_name: the name that the model is served by.
        requests: pairs of a signature's name and its inputs, name -> NumPy array. Few and short: TF Serving
            refuses more than 1,000, and is available only after all are answered.
    """
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def read(path):
    """The requests of a warm-up file: list of (signature, inputs name -> array).

    Raises: OSError where there is no file, ValueError where it is none of `write`.
    """
    found = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            found.append((request.model_spec.signature_name, inputs))
    except tf.errors.NotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except (tf.errors.OpError, DecodeError, TypeError) as error:
        raise ValueError(f"{path}: is no file of warm-up requests") from error
    return found
