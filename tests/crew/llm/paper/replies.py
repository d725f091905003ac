"""What a good writing model could reply for the study of tests/evidence: written by hand, with real keys."""

GOOD = {
    "introduction": r"""Linear classifiers remain a common first choice for small tables, and many additions to them are
proposed without a test of what each one adds. This study asks whether class weights help such a classifier.

\paragraph{Gap} Work on imbalanced data~\citep{KEY} treats weighting as one part of larger systems, so that its own
share
stays unknown. Here the same baseline runs with and without it, on the same splits, under a design that was frozen
before any result was seen.

\paragraph{Contribution} The study gives a tested answer with intervals, the code, and every raw result, so that each
number can be derived again by a reader who does not trust the text.""",
    "related_work": r"""\paragraph{Weighting} Weighting examples by class is treated by \citet{KEY} and others. This
study
differs in that it changes nothing but the weights and holds the splits fixed for both methods under comparison.

\paragraph{Comparing methods} Paired tests over resampled splits are well understood~\citep{KEY}. The design here
follows
that literature and fixes its comparisons in advance, which keeps the analysis from being fitted to the outcome.""",
    "method": r"""The baseline is a logistic regression with an $\ell$ penalty on its weights. It is fitted to the
training
part alone. The proposal adds class weights and leaves everything else as it is. Class weights multiply the loss of each
example by a factor that grows as its class gets rarer. They might help where classes are unequal in size, since the
fit then pays as much heed to the rare class as to the common one. A trivial reference predicts the most common
class.""",
    "results": r"""The hypothesis is supported. The primary difference is \result{diff.CMP} percentage points with an
interval
from \result{low.CMP} to \result{high.CMP} and a corrected $p$ \result{p.CMP}. Table~\ref{tab:comparisons} lists every
planned comparison, Table~\ref{tab:main} the scores, and Figure~\ref{fig:effects} draws the effects.

\paragraph{Scores} The baseline has a mean of \result{mean.baseline.DATA}\,\%, and the proposal
\result{mean.proposed.DATA}\,\%.""",
    "discussion": r"""By the rule fixed in advance, the prediction came true for these data. The finding concerns a
simple
baseline and small tables. Whether a tuned or a larger model would leave room for the same addition is open, and nothing
here speaks for it. Whoever works with data like these has reason to try class weights first, for they cost little.""",
    "limitations": r"""The tables are small and clean, and their classes are of nearly equal size. The study varies one
component at a time and searches no settings, so that it cannot tell how the addition fares against a tuned model.""",
    "conclusion": r"""The question was whether class weights help a logistic regression. Under a frozen design, the
hypothesis is
supported, with a primary difference of \result{diff.CMP} percentage points. Replication on other data comes next.""",
    "abstract": r"""Do class weights help a logistic regression on small tables? We compare \result{n.methods}
methods on
\result{n.datasets} data sets with \result{n.seeds} seeds, under a design that was frozen before any result was seen.
The
hypothesis is supported: the primary difference is \result{diff.CMP} percentage points, with a corrected $p$
\result{p.CMP}. The design, the code and every raw result are kept with the run. The conclusions concern these data and
the settings tried, and a stronger baseline may leave less for the addition to do.""",
}
FRONT = {"title": "Class weights for logistic regression on small tables", "keywords": ["class weights", "tables"]}


def good(name: str, key: str, comparison: str, dataset: str) -> object:
    """The reply for a section, with keys of the run at hand."""
    if name == "front":
        return FRONT
    return GOOD[name].replace("KEY", key).replace("CMP", comparison).replace("DATA", dataset)


KEY = "gorishniy2021revisiting"
COMPARISON = "main.proposed.baseline.wine"


def honest(name: str) -> object:
    """A good reply for the run of tests/evidence."""
    return good(name, KEY, COMPARISON, "wine")


FABRICATIONS = {
    "a typed result": ("results", "The proposal gains 17.3 points on both data sets.", "typed numbers"),
    "a number in words": ("discussion", "It helps on two thirds of all data of this kind.", "typed numbers"),
    "a result that is none": ("results", r"It reaches \result{mean.proposed.cifar}\,\% elsewhere.", "no result"),
    "an invented citation": ("related_work", r"Others agree~\citep{smith2031weights}.", "no work of the survey"),
    "a citation by hand": ("related_work", "This was shown before (Smith and Jones, 2031).", "by hand"),
    "a number of others": ("related_work", r"They report 97 for the same task~\citep{KEY}.", "record of a work"),
    "a quotation": (
        "related_work",
        rf"Its authors say that ``weights always help on every table''~\citep{{{KEY}}}.",
        "stands in no record",
    ),
    "another verdict": ("discussion", "In short, the hypothesis is refuted.", "but the verdict is"),
    "a file": ("method", r"The baseline is standard. \input{/etc/passwd}", "may not use"),
    "a definition": ("discussion", r"\def\result#1{99} It helps as expected.", "may not use"),
    "a float that is not there": ("results", r"Table~\ref{tab:secret} has more.", "there is no tab:secret"),
    "an unclosed brace": ("discussion", r"This is \emph{open for more.", "braces"),
    "a dataset": ("discussion", r"On \name{CIFAR-100} the same holds.", "no name"),
    "a placeholder": ("discussion", "The effect on TODO is open.", "placeholder"),
}
"""What a model could make up: section, sentence, and a part of the complaint."""
