import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.reading import MAX_TOPIC, read_topic, topic_words, unmatched_taboos
from nanoresearch.crew.builtin.words import positions, same_words, stems
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.errors import TopicRefused
from nanoresearch.schema.profile import Profile

DEFAULT = Profile()


@pytest.mark.parametrize(
    ("topic", "kit", "data", "components"),
    [
        ("Which of class weights and quantile transforms help logistic regression on breast cancer?",
         "tabular_classification", {"breast-cancer"}, {"class_weights", "quantiles"}),
        ("Do shifted copies and gradient histograms help to recognise digits with an RBF-SVM?",
         "image_classification", {"digits", "mnist-5k"}, {"shifts", "hog"}),
        ("Do dilation and padding matter for random kernels on GunPoint?",
         "series_classification", {"gunpoint"}, {"dilation", "padding"}),
    ],
)  # fmt: skip
def test_a_topic_is_read_by_its_words(topic: str, kit: str, data: set[str], components: set[str]) -> None:
    reading = read_topic(topic, DEFAULT)
    assert reading.kit.id == kit
    assert set(reading.named_data) <= data
    assert reading.named_data
    assert set(reading.asked) == components
    assert {item.spec.id for item in reading.components[: len(components)]} == components


@pytest.mark.parametrize(
    ("topic", "word"),
    [
        ("Segmentation of satellite images with U-Net", "segmentation"),
        ("Image classification on CIFAR-10 with an SVM", "cifar"),
        ("Fine-tuning large language models for table classification", "language model"),
        ("Reinforcement learning for digit classification", "reinforcement"),
        ("Heart disease and protein folding", "protein"),
    ],
)
def test_a_topic_out_of_reach_is_refused_with_the_reason_and_an_offer(topic: str, word: str) -> None:
    with pytest.raises(TopicRefused) as refusal:
        read_topic(topic, DEFAULT)
    assert word in str(refusal.value)
    assert "Palmer penguins" in str(refusal.value)


@pytest.mark.parametrize("topic", ["", "   ", "cats", "42 17", "?!", "asdf qwer zxcv", "Why is the sky blue?"])
def test_nonsense_is_refused(topic: str) -> None:
    with pytest.raises(TopicRefused):
        read_topic(topic, DEFAULT)


def test_a_document_is_no_topic() -> None:
    with pytest.raises(TopicRefused, match=str(MAX_TOPIC)):
        read_topic("digit classification " * 1000, DEFAULT)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(topic: str) -> None:
    try:
        reading = read_topic(topic, DEFAULT)
    except TopicRefused:
        return
    assert reading.components


def test_a_taboo_removes_components_and_baselines() -> None:
    topic = "Do shifted copies, elastic distortion and gradient histograms help to classify digits?"
    free = read_topic(topic, DEFAULT)
    bound = read_topic(topic, Profile(taboos=("no augmentation",)))
    tags = {tag for item in bound.components for tag in item.spec.tags}
    assert "augmentation" not in tags
    assert len(bound.components) < len(free.components)
    with pytest.raises(TopicRefused, match="taboos"):
        read_topic(topic, Profile(taboos=("kernel methods",)))


def test_a_taboo_that_means_nothing_here_is_told() -> None:
    kit = load_kits()["image_classification"]
    assert unmatched_taboos(Profile(taboos=("no horoscopes", "no deep learning")), kit) == ("no horoscopes",)


def test_a_longer_name_hides_the_shorter_one_in_it() -> None:
    reading = read_topic("Fashion-MNIST classification with PCA", DEFAULT)
    assert reading.named_data == ("fashion-mnist",)


def test_what_is_not_answered_is_told_in_the_topics_own_words() -> None:
    reading = read_topic("Does elastic distortion help digit classification in Swahili newspapers?", DEFAULT)
    assert set(reading.unanswered) == {"Swahili", "newspapers"}


def test_the_home_domain_decides_between_equals() -> None:
    topic = "classification with class weights"
    kits = set()
    for domain in ("tabular", "nlp"):
        try:
            kits.add(read_topic(topic, Profile(domain=domain)).kit.domain)
        except TopicRefused:
            kits.add("refused")
    assert kits <= {"tabular", "nlp", "refused"}


def test_words_and_stems_go_together() -> None:
    topic = "Half-hourly load: does TF-IDF (1-2 grams) help?"
    assert len(topic_words(topic)) == len(stems(topic))
    assert positions("half hourly", stems(topic)) == {0, 1}
    assert same_words("class weights", "class weighting")
    assert not same_words("bias", "padding")


@pytest.mark.parametrize("kit", load_kits().values(), ids=lambda kit: kit.id)
def test_every_kit_can_be_asked_for(kit) -> None:  # type: ignore[no-untyped-def]
    cards = load_catalogue()
    first = kit.datasets[0].id
    names = ", ".join(item.spec.name for item in kit.components[:2])
    reading = read_topic(f"{names} for {kit.tasks[0]} of {kit.subjects[0]} on {cards[first].name}", DEFAULT)
    assert reading.kit.id == kit.id
    assert first in reading.named_data
