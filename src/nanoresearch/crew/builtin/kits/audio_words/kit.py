"""Recognition of spoken words across speakers with one template per word."""

from nanoresearch.crew.builtin.kits.kit import (
    Component,
    DatasetOption,
    Exposure,
    Kit,
    Metric,
    ProtocolOption,
    SweepOption,
)
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

KIT = Kit(
    id="audio_words",
    domain="audio",
    name="recognition of spoken words across speakers",
    subjects=("speech", "spoken", "audio", "word", "speaker", "voice", "italian", "utterance"),
    tasks=(
        "word recognition",
        "isolated word",
        "spoken word",
        "keyword",
        "template",
        "template matching",
        "dynamic time warping",
        "dtw",
        "cross-speaker",
        "recognise",
        "recognize",
    ),
    datasets=(
        DatasetOption(
            "asterisk-it", seconds=2.5, needs=("asterisk-it-menardi",), keywords=("carlo", "male", "both directions")
        ),
        DatasetOption(
            "asterisk-it-menardi", seconds=2.5, needs=("asterisk-it",), keywords=("female", "both directions")
        ),
    ),
    reference=MethodSpec(
        id="guess",
        name="random word",
        role="reference",
        description="ranks the words of the vocabulary at random",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="time warping of cepstra",
        role="baseline",
        description="dynamic time warping of mel cepstra to one template per word",
        tags=("instance-based",),
    ),
    alternatives=(
        MethodSpec(
            id="stretching",
            name="linear stretching",
            role="alternative",
            description=(
                "the nearest template by Euclidean distance when all words are stretched linearly to twenty frames"
            ),
            tags=("instance-based",),
        ),
        MethodSpec(
            id="network",
            name="small neural network",
            role="alternative",
            description=(
                "a neural network with one hidden layer of 100 units on words stretched linearly to twenty frames"
            ),
            tags=("neural", "deep learning"),
        ),
        MethodSpec(
            id="duration",
            name="nearest duration",
            role="alternative",
            description="the template of the most similar duration, a control that does not listen",
            tags=("instance-based",),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="cmvn",
                name="cepstral normalisation",
                description="brings every coefficient of a word to zero mean and unit variance",
                tags=("normalisation",),
                citations=("viikki1998cepstral", "furui1981cepstral"),
            ),
            keywords=("cepstral mean", "cmvn", "mean and variance", "normalisation", "normalization", "channel"),
            why="studios and voices colour all words of a speaker alike",
            detail="Mean and standard deviation are taken over the frames of the word itself.",
        ),
        Component(
            ComponentSpec(
                id="warping",
                name="vocal-tract warping",
                description="stretches the frequency axis of the tested speaker to fit the templates",
                tags=("normalisation", "alignment", "search"),
                citations=("lee1996speaker", "eide1996parametric"),
            ),
            keywords=("vocal tract", "vocal-tract", "vtln", "frequency warping", "formant"),
            why="a longer vocal tract lowers all resonances",
            detail=(
                "Filter centres are multiplied by one of seven factors from 0.84 to 1.19. "
                "One factor serves all tested words: that with the smallest mean distance of about "
                "twenty tested words to their "
                "nearest templates, whatever those words are; no word is known in this choice."
            ),
        ),
        Component(
            ComponentSpec(
                id="deltas",
                name="delta features",
                description="appends the slopes of all coefficients over five frames",
                tags=("features",),
                citations=("furui1986speaker",),
            ),
            keywords=("delta", "delta features", "dynamic features", "slopes", "derivative"),
            why="movements of the spectrum depend less on the speaker than the spectrum itself",
            detail="Regression slopes over five frames are multiplied by three and joined to the coefficients.",
        ),
        Component(
            ComponentSpec(
                id="trimming",
                name="endpoint trimming",
                description="cuts quiet frames from both ends of every word",
                tags=("preprocessing",),
                citations=("rabiner1975algorithm",),
            ),
            keywords=("endpoint", "endpoints", "trimming", "silence", "end-point"),
            why="pauses around a word differ between studios and confuse the alignment",
            detail="Frames before the first and after the last one within 30 dB of the loudest are dropped.",
            promises=("gain", "efficiency"),
        ),
        Component(
            ComponentSpec(
                id="band",
                name="band constraint",
                description="keeps the alignment within a quarter of the length around the diagonal",
                tags=("regularisation",),
                citations=("sakoe1978dynamic",),
            ),
            keywords=("band", "sakoe", "slope constraint", "warping window", "alignment constraint"),
            why="speakers differ little in relative tempo, and free alignments fit wrong words too well",
            detail="Cells whose relative places in word and template differ by more than a quarter cannot be used.",
        ),
        Component(
            ComponentSpec(
                id="lifter",
                name="liftering",
                description="weighs coefficients by a raised sine over their order",
                tags=("features", "reweighting"),
            ),
            keywords=("lifter", "liftering", "coefficient weights", "cepstral weighting"),
            why="low orders carry the voice and the channel, high orders are noisy",
            detail="Coefficient n of 12 is multiplied by one plus six times the sine of pi n over 12.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="word accuracy",
                direction="higher",
                percent=True,
                description="the share of the tested words that come first in the ranking; ties count as errors",
            ),
            keywords=("accuracy", "error rate"),
        ),
        Metric(
            MetricSpec(
                id="top_five",
                name="top-five accuracy",
                direction="higher",
                percent=True,
                description="the share of the tested words that are among the first five",
            ),
            keywords=("top five", "top-5", "shortlist"),
        ),
        Metric(
            MetricSpec(
                id="reciprocal_rank",
                name="mean reciprocal rank",
                direction="higher",
                description="the mean of one over the place of the true word",
            ),
            keywords=("reciprocal rank", "mrr", "ranking"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="drawn_words",
                description=(
                    "All words have a template by one speaker; every seed draws three quarters of "
                    "them to be recognised "
                    "from the other speaker. The draws overlap."
                ),
                test_fraction=0.75,
                resampled=True,
            )
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="vocabulary",
                name="vocabulary",
                values=(132, 66, 33),
                unit="words",
                description="the number of words that have a template, drawn at random by each seed",
            ),
            keywords=("vocabulary", "vocabulary size", "number of words"),
        ),
        SweepOption(
            Sweep(
                id="snr",
                name="signal-to-noise ratio",
                values=(60, 20, 10, 0),
                unit="dB",
                description="white noise added to the tested words only; 60 dB is practically clean",
            ),
            keywords=("noise", "snr", "noisy", "signal-to-noise"),
        ),
    ),
    setting=(
        "A data set names the tested speaker; the other Italian speaker gives one template per word. "
        "The words are the 132 spelled numbers, letters and signs, and code words that both speakers have. "
        "The recordings have 8 kHz and went through the GSM full-rate codec. "
        "Twelve mel cepstra without the zeroth are computed from 24 bands between 100 and 3400 Hz, "
        "in windows of 32 ms every 16 ms; band energies more than 90 dB below the loudest of the "
        "word are raised to that level. "
        "Alignments use symmetric steps with double weight on the diagonal, "
        "and their cost is divided by the sum of both lengths. "
        "The methods have no random part, except the neural network, the random reference and the noise: "
        "a seed changes which words are tested."
    ),
    question="Which normalisation closes the gap between speakers when every word has one template?",
    citations=("sakoe1978dynamic", "davis1980comparison", "itakura1975minimum"),
    queries=(
        "dynamic time warping isolated word recognition",
        "speaker normalisation vocal tract",
        "cepstral normalisation",
    ),
    requires=("numpy", "scipy", "scikit-learn", "soundfile"),
    cautions=(
        "The floor of the band energies was fixed while the kit was developed, after scores on these "
        "recordings had been seen.",
        "There are two speakers, in different studios: sex, voice and channel cannot be told apart.",
        "Wording may differ between the speakers under the same file name.",
        "Seeds draw overlapping sets of words from one vocabulary.",
    ),
    sliced=True,
    out_of_reach=(
        "transcription",
        "continuous speech",
        "speech synthesis",
        "text-to-speech",
        "separation",
        "enhancement",
        "diarization",
        "diarisation",
        "music",
        "emotion",
        "language identification",
        "translation",
        "pretrained",
        "sound event",
    ),
    exposures=(Exposure("the order of its words tells which they are, and one of its methods depends on that order"),),
)
