"""Spoken words of two speakers: one recording of every word from one, words to recognise from the other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000


@dataclass
class Speech:
    """One recording of every word by each speaker: samples from -1 to 1 at 8 kHz, in the order of the words."""

    words: list[str]
    templates: list[np.ndarray]
    spoken: list[np.ndarray]


@dataclass
class Train:
    """One template per word."""

    templates: list[np.ndarray]
    words: list[str]


@dataclass
class Split:
    """What a method may learn from, what it must recognise, and the truth."""

    train: Train
    inputs: list[np.ndarray]
    targets: np.ndarray


def is_word(name: str) -> bool:
    """Whether a prompt is a spelled number, a letter or sign, or a code word, judged by its path."""
    folder, _, word = name.partition("/")
    return (folder == "digits" and word.isdigit()) or (folder in ("letters", "phonetic") and "/" not in word)


def read_voice(folder: Path) -> dict[str, np.ndarray]:
    """Recordings of words in GSM 06.10, by name."""
    sounds = {}
    for path in sorted(folder.rglob("*.gsm")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if is_word(name):
            options = {"samplerate": RATE, "channels": 1, "format": "RAW", "subtype": "GSM610", "dtype": "float32"}
            sounds[name] = soundfile.read(path, **options)[0]
    return sounds


def pair(templates: dict[str, np.ndarray], spoken: dict[str, np.ndarray]) -> Speech:
    """The words that both speakers have."""
    words = sorted(templates.keys() & spoken.keys())
    return Speech(words, [templates[word] for word in words], [spoken[word] for word in words])


def load_carlo(root: Path) -> Speech:
    """Recognise the male voice, Carlo, with templates of the female voice, Menardi."""
    return pair(read_voice(root / "asterisk-it-menardi" / "sounds"), read_voice(root / "asterisk-it" / "sounds"))


def load_menardi(root: Path) -> Speech:
    """Recognise the female voice, Menardi, with templates of the male voice, Carlo."""
    return pair(read_voice(root / "asterisk-it" / "sounds"), read_voice(root / "asterisk-it-menardi" / "sounds"))


LOADERS = {
    "asterisk-it": load_carlo,
    "asterisk-it-menardi": load_menardi,
}


def add_noise(samples: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Add white noise at a ratio of mean powers."""
    deviation = np.sqrt(np.mean(samples**2) / 10 ** (decibels / 10))
    return (samples + deviation * rng.normal(size=len(samples))).astype(np.float32)


def split(loaded: Speech, protocol: dict, seed: int, condition: dict) -> Split:
    """Draw the vocabulary, then the words of it that are tested; every word of the vocabulary has one template."""
    rng = np.random.default_rng(seed)
    words = rng.permutation(len(loaded.words))[: int(condition.get("vocabulary", len(loaded.words)))]
    tested = np.sort(words[: round(protocol["test_fraction"] * len(words))])
    words = np.sort(words)
    inputs = [loaded.spoken[i] for i in tested]
    if "snr" in condition:
        inputs = [add_noise(samples, condition["snr"], rng) for samples in inputs]
    train = Train([loaded.templates[i] for i in words], [loaded.words[i] for i in words])
    return Split(train, inputs, np.array([loaded.words[i] for i in tested]))
