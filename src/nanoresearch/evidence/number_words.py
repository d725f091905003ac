"""English words for numbers, the one list of them: whoever looks for numbers in words, or writes them, takes these.

Knows no phrases; those are with the patterns that look for them.
"""

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
"""Each at the place of its value."""
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
COUNTS = (
    *SMALL, *TENS, "hundred", "hundreds", "thousand", "thousands", "million", "half", "twice", "thrice", "dozen",
)  # fmt: skip
"""Words that a number is made of."""
LARGER = ("millions", "billion", "billions", "trillion", "dozens")
FRACTIONS = (
    "halves", "thirds", "quarter", "quarters", "fourths", "fifths", "sixths", "sevenths", "eighths", "ninths", "tenth",
    "tenths", "hundredth", "hundredths", "thousandth", "thousandths", "percent",
)  # fmt: skip
MULTIPLES = (
    "halved", "halving", "doubled", "doubles", "doubling", "tripled", "triples", "tripling", "quadrupled", "quadruples",
    "quadrupling", "quintupled", "quintuples", "quintupling", "sextupled", "sextuples", "sextupling",
    "twofold", "threefold", "fourfold", "fivefold", "sixfold", "sevenfold", "eightfold", "ninefold", "tenfold",
    "twentyfold", "hundredfold",
)  # fmt: skip
"""Words that state a ratio."""
