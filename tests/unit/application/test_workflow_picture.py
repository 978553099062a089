"""A workflow as a picture."""

from xml.etree import ElementTree

from resqd.application.workflow_graph import WorkflowJob, in_order
from resqd.application.workflow_picture import MOST_JOBS, placed, svg

SVG = "{http://www.w3.org/2000/svg}"


def job(job_id: str, *after: str, name: str = "shop.pay", state: str = "done") -> WorkflowJob:
    return WorkflowJob(job_id, name, after, state)  # type: ignore[arg-type] # one of the states


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_each_job_stands_to_the_right_of_all_that_it_waits_for() -> None:
    """Two of one column do not lie on each other, and all lie within the picture."""
    jobs = in_order([job("d", "b", "c"), job("c", "a"), job("b", "a"), job("a"), job("e", "a", "d")])
    boxes = placed(jobs)
    assert all(boxes[parent].x < boxes[each.id].x for each in jobs for parent in each.after)
    assert len(set(boxes.values())) == len(jobs)
    picture = parsed(svg(jobs))
    for box in picture.iter(f"{SVG}rect"):
        assert int(box.attrib["x"]) + int(box.attrib["width"]) <= int(picture.attrib["width"])
        assert int(box.attrib["y"]) + int(box.attrib["height"]) <= int(picture.attrib["height"])


def test_there_is_a_box_for_each_job_and_a_line_for_each_that_it_waits_for() -> None:
    """One that it waits for and that is unknown has none; the title says how many there are of each state."""
    jobs = in_order([job("c", "a", "b", "gone", state="waits"), job("b", state="failed"), job("a")])
    picture = parsed(svg(jobs))
    assert len([*picture.iter(f"{SVG}rect")]) == 3
    assert len([*picture.iter(f"{SVG}path")]) == 2
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text == "Workflow of 3 jobs: 1 done, 1 failed, 1 waits"


def test_lines_that_need_not_cross_do_not() -> None:
    """Of two chains each stays in its row, whatever the order of their names."""
    jobs = in_order([job("a"), job("b"), job("y", "b"), job("z", "a")])
    boxes = placed(jobs)
    assert boxes["a"].y == boxes["z"].y
    assert boxes["b"].y == boxes["y"].y


def test_names_of_strangers_cannot_break_out_of_it() -> None:
    """Tags, quotes and control characters are text; a link's address as well."""
    picture = parsed(svg([job('x"<a>\0', name="</svg><script>\0\ud800")], lambda _: 'javascript"<&'))
    assert not [*picture.iter(f"{SVG}script")]
    [anchor] = picture.iter(f"{SVG}a")
    assert anchor.attrib["href"] == 'javascript"<&'


def test_a_large_one_is_drawn_in_part_and_says_so() -> None:
    """Ten thousand boxes show nothing to anybody."""
    picture = parsed(svg([job(str(i), *([str(i - 1)] if i else [])) for i in range(10_000)]))
    assert len([*picture.iter(f"{SVG}rect")]) == MOST_JOBS
    assert [text.text for text in picture.iter(f"{SVG}text")][
        -1
    ] == f"{10_000 - MOST_JOBS} more jobs are not drawn"


def test_an_empty_one_is_a_picture_too() -> None:
    """A workflow that has expired in part may have no job left."""
    assert parsed(svg([])).tag == f"{SVG}svg"
