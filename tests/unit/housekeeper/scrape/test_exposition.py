"""The text that scrapers read, as Prometheus's own parser understands it."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

from resqd.housekeeper.scrape.exposition import (
    BUCKETS,
    Histogram,
    Sample,
    document,
    family,
    histogram_samples,
)


def test_bounds_go_from_a_tenth_of_a_millisecond_to_an_hour() -> None:
    """Twenty-four of them, so that a series stays small."""
    assert (BUCKETS[0], BUCKETS[-1], len(BUCKETS)) == (0.0001, 3600.0, 24)
    assert list(BUCKETS) == sorted(BUCKETS)


def test_a_sample_stands_for_all() -> None:
    """Of many times of one class a worker keeps some: their histogram is scaled to the number that there were."""
    histogram = Histogram()
    histogram.add([0.5, 2.0], 100)
    histogram.add([], 5)
    assert histogram.count == 100
    assert histogram.total == 125.0


def test_labels_may_be_anything() -> None:
    """Names come from strangers: quotes, ends of lines and lone surrogates."""
    names = ['a"b', "a\\b", "a\nb", "\udcff", ""]
    samples = [Sample("_total", {"class": name}, 1) for name in names]
    [found] = parsed(document([family("resqd_jobs", "counter", "Jobs.", samples)]))
    assert [one.labels["class"] for one in found.samples] == ['a"b', "a\\b", "a\nb", "\\udcff", ""]


def test_a_histogram_is_cumulative() -> None:
    """The parser refuses one that is not, and one whose count is not that of its last bucket."""
    histogram = Histogram()
    histogram.add([0.00005, 0.3, 10_000], 3)
    samples = histogram_samples(histogram, {"class": "A"})
    [found] = parsed(document([family("resqd_run_seconds", "histogram", "Times.", samples, unit="seconds")]))
    by_bound = {one.labels.get("le"): one.value for one in found.samples if one.name.endswith("_bucket")}
    assert (by_bound["0.0001"], by_bound["3600"], by_bound["+Inf"]) == (1, 2, 3)


def test_a_family_without_samples_is_left_out() -> None:
    """Its description alone would say nothing."""
    assert document([family("resqd_jobs", "counter", "Jobs.", [])]) == "# EOF\n"
