"""Finds what would keep TF Serving from answering with a SavedModel, before the SavedModel is published.

TF Serving knows only the operations that are linked into its binary. Its REST interface writes rows only if
every input and output has the batch first, and it cannot write some types.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from kerasapp.artefact import EXTRA
from kerasapp.errors import ConfigError

# tensorflow_serving/model_servers/BUILD links tensorflow_text:ops_lib (SUPPORTED_TENSORFLOW_OPS): the
# operations of all libraries in tensorflow_text/BUILD under that name.
TEXT_OPS = frozenset(
    [
        "TFText>BoiseTagsToOffsets", "TFText>OffsetsToBoiseTags", "TFText>ByteSplitByOffsets",
        "TFText>ByteSplitWithOffsets", "ConstrainedSequence", "FastBertNormalize",
        "TFText>FastSentencepieceDetokenize", "TFText>FastSentencepieceTokenize",
        "FastWordpieceTokenizeWithOffsets", "TFText>FastWordpieceDetokenize", "MaxSpanningTree",
        "TFText>NgramsStringJoin", "CaseFoldUTF8", "FindSourceOffsets", "NormalizeUTF8",
        "NormalizeUTF8WithOffsetsMap", "PhraseTokenize", "TFText>PhraseDetokenize",
        "RegexSplitWithOffsets", "SentenceFragments", "SentencepieceDetokenizeOp",
        "SentencepieceIdToStringOp", "SentencepieceOp", "SentencepieceStringToIdOp",
        "SentencepieceTokenizeOp", "SentencepieceTokenizeWithOffsetsOp", "SentencepieceVocabSizeOp",
        "TokenizerFromLogits", "SplitMergeTokenizeWithOffsets", "SentenceFragmentsV2",
        "TFText>RoundRobinGenerateMasks", "TFText>RoundRobinTrim", "UnicodeScriptTokenizeWithOffsets",
        "TFText>Utf8Binarize", "WhitespaceTokenizeWithOffsets", "TFText>WhitespaceTokenizeWithOffsetsV2",
        "WordpieceTokenizeWithOffsets",
    ]
)  # fmt: skip

# TensorFlow's own operations that need Python, or an NVIDIA GPU; TF Serving has neither.
_PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_GPU_PREFIX = "CudnnRNN"

# What AddSingleValueAndAdvance of tensorflow_serving/util/json_tensor.cc writes.
_JSON_TYPES = {tf.float32, tf.float64, tf.bool, tf.string, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8}
_JSON_TYPES |= {tf.uint32, tf.uint64}

_INITIALISER = "__saved_model_init_op"  # stored among the signatures, but not one


def check(folder: Path) -> None:
    """Raises ConfigError, one line with all problems, if TF Serving could not serve the SavedModel."""
    found = problems(folder)
    if found:
        raise ConfigError(f"TF Serving could not serve this model: {'; '.join(found)}")


def problems(folder: Path) -> list[str]:
    """What TF Serving could not serve in the SavedModel in a folder; empty if there is nothing.

    Args:
        folder: a version's folder. If it has example answers (`vectors.json`), their rows are counted, too.
    """
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    serving = [graph for graph in model.meta_graphs if list(graph.meta_info_def.tags) == ["serve"]]
    if not serving:
        return ['no graph is tagged "serve"']
    graph = serving[0]
    return [*_ops(graph.graph_def), *_variables(graph), *_signatures(graph), *_examples(folder)]


def _ops(graph: tf.compat.v1.GraphDef) -> list[str]:
    """Each operation that is not linked, once, with the first node that uses it."""
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    found = {}
    for node in itertools.chain(graph.node, *functions.values()):
        if node.op not in functions and (reason := _refusal(node.op)):
            found.setdefault(node.op, f"operation {node.op} (node {node.name}) {reason}")
    return list(found.values())


def _refusal(op: str) -> str | None:
    if op in _PYTHON_OPS:
        return "calls back into Python, which is not there"
    if op.startswith(_GPU_PREFIX):
        return "runs only on a GPU; export with use_cudnn=False"
    # raw_ops are TensorFlow's own; the registry of this process also has those of loaded libraries.
    if op in TEXT_OPS or hasattr(tf.raw_ops, op):
        return None
    return "is neither TensorFlow's nor tensorflow-text's"


def _variables(graph: meta_graph_pb2.MetaGraphDef) -> Iterator[str]:
    """The variables that the restore function does not restore; they stay empty in the C++ loader."""
    nodes = {node.name: node for node in graph.graph_def.node}
    restore = nodes.get(graph.saver_def.restore_op_name)
    if restore is None or not restore.op.endswith("PartitionedCall"):
        return
    restored = {name.split(":")[0] for name in restore.input}
    for node in nodes.values():
        if node.op == "VarHandleOp" and node.name not in restored:
            yield f"variable {node.name} is not restored"


def _signatures(graph: meta_graph_pb2.MetaGraphDef) -> Iterator[str]:
    for name, definition in sorted(graph.signature_def.items()):
        if name == _INITIALISER:
            continue
        for kind, infos in (("input", definition.inputs), ("output", definition.outputs)):
            for key, info in sorted(infos.items()):
                reasons = (_type_problem(info), _shape_problem(info))
                yield from (f"{kind} {key} of signature {name} {reason}" for reason in reasons if reason)


def _type_problem(info: meta_graph_pb2.TensorInfo) -> str | None:
    dtype = tf.as_dtype(info.dtype)
    return None if dtype in _JSON_TYPES else f"is {dtype.name}, which REST cannot carry"


def _shape_problem(info: meta_graph_pb2.TensorInfo) -> str | None:
    shape = info.tensor_shape
    if shape.unknown_rank:
        return "has a shape of unknown rank; a batch of free size has to come first"
    sizes = [size.size if size.size >= 0 else None for size in shape.dim]
    if not sizes or sizes[0] is not None:
        return f"has the shape {sizes}; a batch of free size has to come first"
    return None


def _examples(folder: Path) -> Iterator[str]:
    """Example answers with another number of rows than their requests: a free size may not be the batch."""
    path = folder / EXTRA / "vectors.json"
    for example in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else ():
        rows = {len(value) for value in example["inputs"].values() if isinstance(value, list)}
        for key, value in sorted(example["outputs"].items()):
            if isinstance(value, list) and {len(value)} != rows:  # a scalar's shape has told already
                asked = " or ".join(map(str, sorted(rows)))
                where = f"output {key} of signature {example['signature']}"
                yield f"{where} has {len(value)} rows for a request of {asked}"
