"""Classification of short speech clips with hand-made cepstral features."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

WITH_SOUND = ("asterisk-es", "asterisk-it-menardi")

KIT = Kit(
    id="audio_classification",
    domain="audio",
    name="classification of short speech clips",
    subjects=(
        "audio",
        "speech",
        "voice",
        "spoken",
        "speaker",
        "clip",
        "recording",
        "utterance",
        "sound",
        "vowel",
        "prompt",
    ),
    tasks=(
        "classification",
        "classifier",
        "classify",
        "language identification",
        "speaker identification",
        "speaker recognition",
        "identify",
        "separable",
        "tell apart",
        "hand-made features",
        "cepstral features",
        "mfcc",
    ),
    datasets=(
        DatasetOption("japanese-vowels", seconds=0.2, keywords=("speaker", "vowel", "japanese")),
        DatasetOption("asterisk-es", seconds=0.6, needs=("asterisk-en",), keywords=("language", "english", "spanish")),
        DatasetOption(
            "asterisk-it-menardi",
            seconds=0.6,
            default=False,
            needs=("asterisk-it",),
            keywords=("italian", "two voices", "menardi", "carlo"),
        ),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the class frequencies of the training clips",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="logistic regression on cepstral means",
        role="baseline",
        description="logistic regression with an L2 penalty of strength one on the mean cepstra of a clip",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="quiet_frames",
            name="quiet-frame control",
            role="alternative",
            description=(
                "the same classifier on the mean cepstra of the quietest tenth of the frames, which "
                "hold channel and background "
                "but hardly any speech; where energies are not given, on the frames at both ends"
            ),
            tags=("linear",),
        ),
        MethodSpec(
            id="perceptron",
            name="small neural network",
            role="alternative",
            description="a neural network with one hidden layer of 50 units on the mean cepstra",
            tags=("neural", "deep learning"),
        ),
        MethodSpec(
            id="neighbours",
            name="nearest neighbours",
            role="alternative",
            description="the class shares among the five nearest training clips",
            tags=("instance-based",),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="deviations",
                name="cepstral deviations",
                description="appends the standard deviations of all coefficients over time",
                tags=("features",),
            ),
            keywords=("deviation", "deviations", "variance", "spread", "hand-made features"),
            why="classes may differ in how much the spectrum moves and not only in its mean",
            detail="The standard deviation of every coefficient over the frames of the clip is appended.",
        ),
        Component(
            ComponentSpec(
                id="deltas",
                name="delta features",
                description="appends how fast the coefficients change",
                tags=("features",),
                citations=("furui1986speaker",),
            ),
            keywords=("delta", "deltas", "dynamic features", "derivative", "hand-made features"),
            why="the pace of change is a cue of its own",
            detail="The mean absolute regression slope over five frames is appended for every coefficient.",
        ),
        Component(
            ComponentSpec(
                id="covariances",
                name="cepstral covariances",
                description="appends the covariances of all pairs of coefficients over time",
                tags=("features",),
            ),
            keywords=("covariance", "covariances", "second-order", "correlation"),
            why="sounds that a class prefers show in how coefficients move together",
            detail="The covariances of all pairs of different coefficients over the frames of the clip are appended.",
        ),
        Component(
            ComponentSpec(
                id="cmn",
                name="channel normalisation",
                description="subtracts from every frame the mean cepstra of the quieter half of the clip",
                tags=("normalisation",),
                citations=("furui1981cepstral", "atal1974effectiveness"),
            ),
            keywords=(
                "cepstral mean",
                "cmn",
                "channel",
                "recording session",
                "shortcut",
                "normalisation",
                "normalization",
            ),
            why="a fixed channel adds the same offset to quiet and loud frames, and the offset may betray the session",
            detail=(
                "The mean over the quieter half of the frames is subtracted. Subtracting the mean of "
                "all frames would leave "
                "nothing of the baseline's features. Where energies are not given, the frames nearer "
                "to both ends count as quieter."
            ),
            promises=("robustness",),
        ),
        Component(
            ComponentSpec(
                id="percentiles",
                name="cepstral percentiles",
                description="appends the 10th and 90th percentile of all coefficients",
                tags=("features",),
            ),
            keywords=("percentile", "quantile", "extremes"),
            why="extremes show which sounds occur at all",
            detail="Two percentiles of every coefficient over the frames of the clip are appended.",
        ),
        Component(
            ComponentSpec(
                id="contrast",
                name="spectral contrast",
                description="appends the gap between loud and quiet frames in six frequency regions",
                tags=("features",),
            ),
            keywords=("spectral contrast", "contrast", "modulation", "dynamics", "hand-made features"),
            why="rhythm and reduction of vowels change how deep the gaps between sounds are",
            detail=(
                "In six groups of four neighbouring mel bands, the 90th less the 10th percentile of "
                "the logarithmic energy over "
                "time is appended."
            ),
            datasets=WITH_SOUND,
        ),
        Component(
            ComponentSpec(
                id="speech_only",
                name="pause removal",
                description="leaves out frames much quieter than the loudest",
                tags=("preprocessing",),
            ),
            keywords=("silence", "pause", "voice activity", "speech activity", "silence removal"),
            why="pauses hold the channel and no language",
            detail="Frames whose mean logarithmic band energy is 30 dB below that of the loudest frame are dropped.",
            promises=("robustness",),
            datasets=WITH_SOUND,
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of test clips labelled correctly",
            ),
            keywords=("accuracy", "error rate"),
        ),
        Metric(
            MetricSpec(
                id="macro_f1",
                name="macro-F1",
                direction="higher",
                percent=True,
                description="the mean over classes of the harmonic mean of precision and recall",
            ),
            keywords=("macro-f1", "macro f1", "f1", "imbalance"),
        ),
        Metric(
            MetricSpec(
                id="log_loss",
                name="log loss",
                direction="lower",
                description="the mean negative log-likelihood in nats",
            ),
            keywords=("log loss", "likelihood", "probabilities"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="grouped",
                description=(
                    "Every seed draws a test part; all clips with the same prompt name fall on one side. "
                    "Where clips have no such name, the draw is stratified by class."
                ),
                test_fraction=0.3,
                resampled=True,
                grouped_by="prompt name",
            ),
            keywords=("grouped", "same prompt", "prompt name", "leakage"),
        ),
        ProtocolOption(
            Protocol(
                id="random",
                description="Every seed draws a test part stratified by class, without regard to prompt names.",
                test_fraction=0.3,
                resampled=True,
            ),
            keywords=("random split", "ungrouped"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="clip_seconds",
                name="clip length",
                values=(3, 2, 1, 0.5),
                unit="s",
                description=(
                    "the length that is kept of the middle of every clip, in training and test; only "
                    "prompts of at least three "
                    "seconds take part, so that all lengths are compared on the same prompts"
                ),
            ),
            keywords=("clip length", "how short", "short clip", "clip duration", "seconds"),
            datasets=WITH_SOUND,
        ),
        SweepOption(
            Sweep(
                id="snr",
                name="signal-to-noise ratio",
                values=(60, 20, 10, 0),
                unit="dB",
                description="white noise added to training and test clips alike; 60 dB is practically clean",
            ),
            keywords=("noise", "added noise", "snr", "noise level", "signal-to-noise"),
            datasets=WITH_SOUND,
        ),
        SweepOption(
            Sweep(
                id="test_snr",
                name="signal-to-noise ratio in the test",
                values=(60, 20, 10, 0),
                unit="dB",
                description="white noise added to test clips only; 60 dB is practically clean",
            ),
            keywords=("unseen noise", "noise in the test", "mismatch", "noise robustness"),
            datasets=WITH_SOUND,
        ),
        SweepOption(
            Sweep(
                id="clip_share",
                name="share of the clip",
                values=(1.0, 0.5, 0.25),
                description="the share that is kept of the middle of every clip, in training and test",
            ),
            keywords=("shortened", "truncated", "partial", "share of the clip", "length"),
        ),
    ),
    setting=(
        "Recorded prompts have 8 kHz and went through the GSM full-rate codec; of each prompt the "
        "middle four seconds are used. "
        "Mel cepstra without the zeroth are computed from 24 bands between 100 and 3800 Hz, in "
        "windows of 32 ms every 16 ms; "
        "band energies more than 80 dB below the loudest of the clip are raised to that level. "
        "English and Spanish prompts are one data set, named after the Spanish part, with the language as class; "
        "the two Italian voices are another, with the voice as class. "
        "The Japanese vowels come as cepstra of linear prediction, without sound, and are used as "
        "they come, with the speaker as "
        "class. "
        "All numbers are standardised with the training clips. A seed changes the division of the clips and the noise."
    ),
    question="Which hand-made features tell short speech clips apart, and how much of the score is the channel?",
    citations=("davis1980comparison", "pedregosa2011scikit"),
    queries=("language identification cepstral features", "speaker identification", "cepstral normalisation channel"),
    requires=("numpy", "scipy", "scikit-learn", "soundfile"),
    cautions=(
        "The floor of the band energies was fixed while the kit was developed, after scores on these "
        "recordings had been seen.",
        "Each data set has few speakers; class and recording session cannot be separated fully.",
        "The time of prediction includes the extraction of features.",
    ),
    sliced=True,
    out_of_reach=(
        "transcription",
        "speech recognition",
        "word recognition",
        "speech synthesis",
        "text-to-speech",
        "separation",
        "enhancement",
        "diarization",
        "diarisation",
        "music",
        "genre",
        "emotion",
        "sound event",
        "environmental sound",
        "translation",
        "generation",
        "pretrained",
        "template",
    ),
    predictions="probabilities",
)
