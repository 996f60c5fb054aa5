"""Finds what would keep TF Serving from answering with a SavedModel, before the SavedModel is published.

TF Serving knows only the operations that are linked into its binary. Its REST interface writes rows only if
every input and output has the batch first, and it cannot write some types.
"""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from kerasapp.artefact import EXTRA
from kerasapp.backend import SERVING
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

# Operations that read or write files of the machine that serves, beside those that restore variables and
# tables. A SavedModel is a program: it would do so at every request, or when it is loaded.
_FILE_OPS = frozenset(
    [
        "CreateSummaryFileWriter", "DatasetToTFRecord", "FixedLengthRecordDataset",
        "FixedLengthRecordDatasetV2", "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "LMDBDataset",
        "LMDBReader", "LoadDataset", "MatchingFiles", "MatchingFilesDataset", "ReadFile", "SaveDataset",
        "SaveDatasetV2", "SqlDataset", "TFRecordDataset", "TFRecordDatasetV2", "TFRecordReader",
        "TFRecordReaderV2", "TextLineDataset", "TextLineReader", "TextLineReaderV2", "WholeFileReader",
        "WholeFileReaderV2", "WriteFile",
    ]
)  # fmt: skip

# Of the operations of TensorFlow 2.21, 2.20 lacks these alone.
_NEWER_OPS = frozenset({"DecodeJxl"})

# What AddSingleValueAndAdvance of tensorflow_serving/util/json_tensor.cc writes.
_JSON_TYPES = {tf.float32, tf.float64, tf.bool, tf.string, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8}
_JSON_TYPES |= {tf.uint32, tf.uint64}

_INITIALISER = "__saved_model_init_op"  # stored among the signatures, but not one


def check(folder: Path) -> None:
    """Raises ConfigError, one line with all problems, if TF Serving could not serve the SavedModel."""
    faults = problems(folder)
    if faults:
        raise ConfigError(f"TF Serving could not serve this model: {'; '.join(faults)}")


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
    refused = {}
    for node in itertools.chain(graph.node, *functions.values()):
        if node.op not in functions and (reason := _refusal(node.op)):
            refused.setdefault(node.op, f"operation {node.op} (node {node.name}) {reason}")
    return list(refused.values())


def _refusal(op: str) -> str | None:
    if op in _PYTHON_OPS:
        return "calls back into Python, which is not there"
    if op in _FILE_OPS:
        return "reads or writes files of the machine that serves"
    if op.startswith(_GPU_PREFIX):
        return "runs only on a GPU; export with use_cudnn=False"
    if op in _NEWER_OPS:
        return f"is newer than TF Serving {SERVING}"
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
                yield from (f"{kind} {key} of signature {name} {reason}" for reason in _tensor_problems(info))


def _tensor_problems(info: meta_graph_pb2.TensorInfo) -> Iterator[str]:
    dtype, shape = tf.as_dtype(info.dtype), tf.TensorShape(info.tensor_shape)
    if dtype not in _JSON_TYPES:
        yield f"is {dtype.name}, which REST cannot carry"
    if shape.rank is None:
        yield "has a shape of unknown rank; a batch of free size has to come first"
    elif not shape.rank or shape[0] is not None:
        yield f"has the shape {shape.as_list()}; a batch of free size has to come first"


def _examples(folder: Path) -> Iterator[str]:
    """Example answers with another number of rows than their requests: a free size may not be the batch."""
    path = folder / EXTRA / "vectors.json"
    for example in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else ():
        rows = {len(value) for value in example["inputs"].values() if isinstance(value, list)}
        for key, value in sorted(example["outputs"].items()):
            if isinstance(value, list) and {len(value)} != rows:  # the shape of a scalar is a problem already
                expected = " or ".join(map(str, sorted(rows)))
                where = f"output {key} of signature {example['signature']}"
                yield f"{where} has {len(value)} rows for a request of {expected}"


def main(argv: list[str]) -> int:
    """Prints the problems of a version's folder, one per line; the exit code is 1 if there are some."""
    found = problems(Path(*argv))
    print(*found, sep="\n", end="\n" * bool(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
