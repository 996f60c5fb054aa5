"""The data report of recordings: seconds found and cut, clips left out, letters without a token."""

import dataclasses

import numpy as np
import pytest
import soundfile
from clip_folders import AUDIO, RATE, tone, write_clips

from pipelines.speech.report import report
from pipelines.synthesis import prepare
from pipelines.text.tokenizers import CharacterTokenizer


@pytest.fixture
def found(tmp_path):
    """The report of a folder of clips, and their corpus."""

    def run(directory, language="none", settings=AUDIO, allowed=False, **given):
        shared = {"split": (0.8, 0.1, 0.1), "cache": tmp_path / "cache", **given}
        corpus = prepare(directory=directory, settings=settings, language=language, **shared)
        return report(corpus, str(directory), language, settings.hop_ms, "the cure", allowed), corpus

    return run


def test_the_speech_that_was_found_and_two_transcripts_are_told(found, tmp_path):
    folder = write_clips(tmp_path / "data", 10, [f"Clip {number}." for number in range(10)])
    soundfile.write(folder / "wavs" / "c003.flac", np.concatenate([np.zeros(4 * RATE), tone(1, 90)]), RATE)
    settings = dataclasses.replace(AUDIO, trim_db=40.0)
    for _ in range(2):  # also from the cache
        told, corpus = found(folder, "english", settings)
        splits = told.tables["splits"].values()
        recorded = sum(soundfile.info(path).duration for path in (folder / "wavs").iterdir())
        assert sum(split["s recorded"] for split in splits) == pytest.approx(recorded)
        assert 3.9 < sum(split["s of silence cut"] for split in splits) < 4
        shown = list(zip(corpus.ids("train"), corpus.texts("train"), strict=True))[:2]
        assert [line.rpartition(", ")[0] for line in told.examples] == [f'{i}: "{t}"' for i, t in shown]
        assert shown[0][1].startswith("clip ") and told.refusals == told.dropped == []


def test_clips_left_out_are_counted_and_the_first_named(found, tmp_path):
    folder = write_clips(tmp_path / "data", 20)
    for number in range(7):
        (folder / "wavs" / f"c{number:03d}.flac").unlink()
    told, _ = found(folder, max_failures=0.5)
    (dropped,) = told.as_json()["dropped"]
    assert (dropped["count"], dropped["of"]) == (7, 20) and len(dropped["items"]) == 7
    lines = "\n".join(told.lines())
    assert "7 of 20 clips (35%): they cannot be used" in lines and "- c004: the clip is missing" in lines
    assert "c005" not in lines and "- and 2 more" in lines


def test_clips_with_more_sound_than_their_text_needs_are_named(found, tmp_path):
    def slow(folder):
        return [line for line in found(folder)[0].warnings if "much more sound" in line]

    texts = [f"clip {number} {'x' * 8}" for number in range(10)]  # 15 characters
    folder = write_clips(tmp_path / "data", 10, texts, seconds=(2.9, 3.3))
    assert slow(folder) == []
    soundfile.write(folder / "wavs" / "c004.flac", tone(3.6, 90), RATE)
    (told,) = slow(folder)
    assert told.startswith("1 of 10 clips have much more sound than their transcripts need: c004: 3.6 s for")
    assert "--audio.trim_db 25" in told
    hanzi = [f"一二三四{'五六七八九十百千万亿'[number]}" for number in range(10)]  # a syllable each
    assert slow(write_clips(tmp_path / "han", 10, hanzi, seconds=(2.9, 3.3))) == []


def test_digits_and_signs_that_cleaning_leaves_are_named(found, tmp_path):
    texts = [f"$5 a ٤٢ ∑{'٤' * number}" for number in range(10)]
    folder = write_clips(tmp_path / "data", 10, texts)
    (told,) = [line for line in found(folder, "english")[0].warnings if "no words" in line]
    assert told.startswith(
        "cleaning has no words for 75 digits and signs: ٤ 55, ٢ 10, ∑ 10; the model learns"
    )
    assert not any("no words" in line for line in found(folder, "none")[0].warnings)


def test_a_sound_with_two_transcripts_is_left_out(found, tmp_path):
    folder = write_clips(tmp_path / "data", 10)
    (folder / "wavs" / "c004.flac").write_bytes((folder / "wavs" / "c007.flac").read_bytes())
    (dropped,) = found(folder, max_failures=0.2)[0].dropped
    told = ["c004: its sound is that of c007 too", "c007: its sound is that of c004 too"]
    assert [item.partition(",")[0] for item in dropped["items"]] == told


def test_slipped_transcripts_are_told(found, tmp_path):
    texts = [f"{number:03d} {'x' * (number * 37 % 29)}" for number in range(120)]
    folder = write_clips(tmp_path / "data", 120, texts, seconds=(0.9, 1.0))
    for number in range(120):
        wave = tone(1 + len(texts[number - 1]) / 30, 100 + number)
        soundfile.write(folder / "wavs" / f"c{number:03d}.flac", wave, RATE)
    assert sum("one line before or after" in line for line in found(folder)[0].warnings) == 1
    (folder / "metadata.csv").write_text(
        "".join(f"c{number:03d}|{texts[number - 1]}\n" for number in range(120))
    )
    assert not any("one line before or after" in line for line in found(folder)[0].warnings)


def test_another_language_in_english_letters_is_told(found, tmp_path):
    folder = write_clips(tmp_path / "data", 10, [f"ma má mà mả {number}" for number in range(10)])
    (told,) = [line for line in found(folder, "english")[0].warnings if "not English" in line]
    assert told.startswith("38% of the letters are not English") and told.endswith("--data.language none")
    assert not any("not English" in line for line in found(folder, "none")[0].warnings)


def test_letters_without_a_token_are_named_and_many_are_refused(found, tmp_path):
    folder = write_clips(tmp_path / "data", 10, [f"abb {'c' * i}" for i in range(10)])
    told, corpus = found(folder, tokenizer=CharacterTokenizer("ac "))
    assert [dict(unknown.letters) for unknown in told.unknown] == [{"b": 16}, {"b": 2}, {"b": 2}]
    characters = sum(len(text.replace(" ", "")) for text in corpus.texts("train"))
    assert told.unknown[0].share == 16 / characters > 0.1
    assert told.refusals[0].endswith("b 16; the cure; to train all the same: --data.allow_unknown true")
    again, _ = found(folder, tokenizer=CharacterTokenizer("ac "), allowed=True)
    assert again.refusals == [] and len(again.warnings) == 3


def test_transcripts_without_letters_are_told(found, tmp_path):
    folder = write_clips(tmp_path / "data", 10, [f"1.{number}" for number in range(10)])
    (told,) = [line for line in found(folder)[0].warnings if "no letters" in line]
    assert told == '10 of 10 transcripts have no letters, such as "1.0": are these what is read aloud?'


def test_an_example_shows_what_does_not_show(found, tmp_path):
    folder = write_clips(tmp_path / "data", 10, [f"ab\x07 {'c' * number}" for number in range(10)])
    told, _ = found(folder, language="none")
    assert "abU+0007" in told.examples[0] and any("control characters" in line for line in told.warnings)
