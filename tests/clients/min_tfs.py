"""min-tfs-client, with the protobuf of its time. argv: HOST:PORT of gRPC."""

import json
import sys

import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray

host, port = sys.argv[1].split(":")
client = TensorServingClient(host=host, port=int(port))
answer = client.predict_request("half", {"x": np.float32([2, 4, 6])}, timeout=300, model_version=1)
print(json.dumps({"y": tensor_proto_to_ndarray(answer.outputs["y"]).tolist()}))
