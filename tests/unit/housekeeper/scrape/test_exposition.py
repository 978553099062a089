"""The text that scrapers read, as Prometheus's own parser understands it."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

from resqd.housekeeper.scrape.exposition import HistogramLines, Sample, document, family, family_of
from resqd.store.history.histogram import Histogram


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
    lines = [HistogramLines("resqd_run_seconds", {"class": name}).text(histogram) for name in ("A%s", '"')]
    [found] = parsed(document([family_of("resqd_run_seconds", "histogram", "Times.", lines, unit="seconds")]))
    assert {one.labels["class"] for one in found.samples} == {"A%s", '"'}
    by_bound = {one.labels.get("le"): one.value for one in found.samples if one.name.endswith("_bucket")}
    assert (by_bound["0.0001"], by_bound["3600"], by_bound["+Inf"]) == (1, 2, 3)


def test_a_family_without_samples_is_left_out() -> None:
    """Its description alone would say nothing."""
    assert document([family("resqd_jobs", "counter", "Jobs.", [])]) == "# EOF\n"
