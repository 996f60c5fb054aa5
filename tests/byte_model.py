"""A model in plain Python with the signatures that streams are made of: it says a text, a byte a token."""

import numpy as np


def strings(*texts):
    return np.array([text if isinstance(text, bytes) else text.encode() for text in texts], object)


class ByteModel:
    """The signatures of both tasks; it says a text of its own, a byte a token, whatever it is asked."""

    def __init__(self, says, reason="end"):
        self.says = says if isinstance(says, bytes) else says.encode()
        self.reason, self.decoded, self.calls = reason, 0, []

    def __call__(self, signature, inputs):
        self.calls.append(signature)
        return getattr(self, signature)(**inputs)

    def tokenize(self, text):
        ids = np.frombuffer(text[0], np.uint8).astype(np.int32)[np.newaxis]
        row = {"ids": ids, "lengths": np.array([ids.shape[1]], np.int32)}
        return {
            **row,
            "context": np.array([10], np.int32),
            "start": np.array([2], np.int32),
            "normalised": text,
        }

    def detokenize(self, ids, lengths):
        self.decoded += ids.size
        rows = [bytes(row[:length].tolist()) for row, length in zip(ids, lengths, strict=True)]
        return {"text": strings(*(row.decode(errors="replace") for row in rows))}

    def prefill(self, ids, lengths, h):
        assert ids[0, 0] == 10 and lengths[0] == ids.shape[1] and not h.any()
        return {"logits": np.zeros([1, 4], np.float32), "h": h + 1}

    def sample(self, logits, h, temperature, top_k, top_p, seed, position):
        assert h[0, 0] == position[0] + 1  # the states went round
        return {"ids": self._token(position), "logits": logits, "h": h + 1}

    def sample_many(self, count, position, **inputs):
        ids, out = [], inputs
        for place in range(position[0], position[0] + count[0]):
            out = self.sample(**{**inputs, **out, "position": np.array([place], np.int32)})
            ids.append(out.pop("ids"))
        return {**out, "ids": np.stack(ids, axis=1)}

    def encode(self, ids, lengths):
        return {"keys": np.ones([1, ids.shape[1], 2], np.float32), "h": np.zeros([1, 3], np.float32)}

    def greedy(self, ids, position, lengths, log_probability, min_ratio, max_ratio, keys, h):
        assert h[0, 0] == position[0] == -log_probability[0] and keys.all()
        ended = position[0] == len(self.says)
        return {
            "ids": self._token(position),
            "log_probability": log_probability - 1,
            "stop_reason": strings(self.reason if ended else ""),
            "alignment": np.zeros([1, 4], np.float32),
            "h": h + 1,
        }

    def greedy_many(self, count, position, **inputs):
        columns, out = {"ids": [], "log_probability": [], "stop_reason": []}, dict(inputs)
        for place in range(position[0], position[0] + count[0]):
            given = {name: out[name] for name in inputs}
            out = {**out, **self.greedy(**given, position=np.array([place], np.int32))}
            for name, column in columns.items():
                column.append(out[name])
        return {"h": out["h"], **{name: np.stack(column, axis=1) for name, column in columns.items()}}

    def _token(self, position):
        return np.array([(self.says + b"\n")[position[0] % (len(self.says) + 1)]], np.int32)
