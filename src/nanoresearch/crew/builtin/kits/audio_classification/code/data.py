"""Short recordings of speech: loading, cutting, noise, and division into a training and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

RATE = 8000
LONGEST = 4.0


@dataclass
class Clips:
    """Clips, their classes, and the group that each belongs to.

    A clip is either samples (n,) from -1 to 1 at 8 kHz, or cepstra (frames, coefficients) where no sound is given.
    """

    clips: list[np.ndarray]
    labels: np.ndarray
    groups: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Clips
    inputs: list[np.ndarray]
    targets: np.ndarray


def read_prompts(folder: Path) -> dict[str, np.ndarray]:
    """Prompts in GSM 06.10 by name, without the recordings of silence."""
    prompts = {}
    for path in sorted(folder.rglob("*.gsm")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith("silence"):
            options = {"samplerate": RATE, "channels": 1, "format": "RAW", "subtype": "GSM610", "dtype": "float32"}
            prompts[name] = soundfile.read(path, **options)[0]
    return prompts


def join(voices: dict[str, dict[str, np.ndarray]]) -> Clips:
    """Prompts of several voices; the class is the voice, the group is the name of the prompt."""
    rows = [(sound, label, name) for label, prompts in voices.items() for name, sound in prompts.items()]
    sounds, labels, names = zip(*rows, strict=True)
    return Clips(list(sounds), np.array(labels), np.array(names))


def load_languages(root: Path) -> Clips:
    """English and Spanish prompts by the same voice: the class is the language."""
    return join(
        {
            "English": read_prompts(root / "asterisk-en" / "sounds"),
            "Spanish": read_prompts(root / "asterisk-es" / "sounds"),
        }
    )


def load_voices(root: Path) -> Clips:
    """Italian prompts by two voices: the class is the voice."""
    return join(
        {
            "Carlo": read_prompts(root / "asterisk-it" / "sounds"),
            "Menardi": read_prompts(root / "asterisk-it-menardi" / "sounds"),
        }
    )


def load_vowels(root: Path) -> Clips:
    """Japanese vowels: 640 utterances of 12 cepstra by nine speakers; every utterance is a group of its own."""
    clips, labels = [], []
    for part in ("TRAIN", "TEST"):
        text = (root / "japanese-vowels" / f"JapaneseVowels_{part}.ts").read_text(encoding="utf-8")
        for line in text.split("@data", 1)[1].strip().splitlines():
            *channels, label = line.split(":")
            clips.append(np.array([channel.split(",") for channel in channels], dtype=np.float32).T)
            labels.append(label)
    return Clips(clips, np.array(labels), np.arange(len(labels)))


LOADERS = {
    "japanese-vowels": load_vowels,
    "asterisk-es": load_languages,
    "asterisk-it-menardi": load_voices,
}


def centre(clip: np.ndarray, length: int) -> np.ndarray:
    """The middle of a clip; all of it when it is not longer."""
    start = max(0, (len(clip) - length) // 2)
    return clip[start : start + length]


def add_noise(samples: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Add white noise at a ratio of mean powers."""
    deviation = np.sqrt(np.mean(samples**2) / 10 ** (decibels / 10))
    return (samples + deviation * rng.normal(size=len(samples))).astype(np.float32)


def cut(loaded: Clips, condition: dict) -> Clips:
    """Clips as long as the condition wants them; at most LONGEST seconds of sound."""
    keep = np.arange(len(loaded.clips))
    seconds = condition.get("clip_seconds", LONGEST)
    if "clip_seconds" in condition:
        # The same prompts for every length: those that are as long as the longest of the lengths compared.
        keep = np.array([i for i in keep if len(loaded.clips[i]) >= 3 * RATE])
    share = condition.get("clip_share", 1.0)
    clips = []
    for i in keep:
        clip = loaded.clips[i]
        clip = centre(clip, round(seconds * RATE)) if clip.ndim == 1 else clip
        clips.append(centre(clip, max(1, round(share * len(clip)))))
    return Clips(clips, loaded.labels[keep], loaded.groups[keep])


def split(loaded: Clips, protocol: dict, seed: int, condition: dict) -> Split:
    """Draw a test part, by groups or by clips; add noise where the condition wants it."""
    data = cut(loaded, condition)
    grouped = protocol["id"] == "grouped" and len(np.unique(data.groups)) < len(data.groups)
    splitter = GroupShuffleSplit if grouped else StratifiedShuffleSplit
    draw = splitter(n_splits=1, test_size=protocol["test_fraction"], random_state=seed)
    learned, tested = next(draw.split(data.labels, data.labels, data.groups if grouped else None))
    rng = np.random.default_rng(seed)
    train, inputs = [data.clips[i] for i in learned], [data.clips[i] for i in tested]
    if "snr" in condition:
        train = [add_noise(clip, condition["snr"], rng) for clip in train]
    if "snr" in condition or "test_snr" in condition:
        level = condition.get("snr", condition.get("test_snr"))
        inputs = [add_noise(clip, level, rng) for clip in inputs]
    return Split(Clips(train, data.labels[learned], data.groups[learned]), inputs, data.labels[tested])
