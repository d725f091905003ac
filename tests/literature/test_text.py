from nanoresearch.literature.text import all_near, any_of, content_words, normalised_title, words


def test_words_fold_case_and_diacritics_and_split_hyphens():
    assert words("Müller's TF-IDF_x") == ["muller", "s", "tf", "idf", "x"]


def test_content_words_drop_function_words():
    assert content_words("How do the trees of a forest vote?") == ["trees", "forest", "vote"]


def test_any_of_quotes_words_and_adds_neighbouring_pairs():
    assert any_of("random forest") == '"random" OR "forest" OR "random forest"'


def test_generic_words_are_ignored_beside_topical_ones_but_kept_in_pairs():
    assert any_of("time series") == '"series" OR "time series"'
    assert any_of("data model") == '"data" OR "model" OR "data model"'


def test_a_query_without_content_is_none():
    assert any_of("of the and !!") is None
    assert all_near("…", 8) is None


def test_titles_that_differ_in_punctuation_are_one():
    assert normalised_title("scikit-learn: Machine Learning") == normalised_title("Scikit-Learn — machine learning")
