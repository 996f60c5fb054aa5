"""Requests that TF Serving replays before a version takes traffic."""

import tensorflow as tf
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
