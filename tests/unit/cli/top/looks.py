"""A look with three threads, for the tests of what is made of one."""

from resqd.cli.top.look import Column, Line, Look, Remark

COLUMNS = (
    Column("worker", 6, number=True), Column("time", 6, number=True), Column("class", 12), Column("id", 10)
)  # fmt: skip


def line(worker: int, time: float, name: str, job_id: str = "") -> Line:
    cells = (str(worker), f"{time:g}s" if time >= 0 else "-", name, job_id)
    job = f"{name} {job_id}" if job_id else ""
    return Line(f"{worker}", cells, (float(worker), time, name, job_id), job, job_id)


def look(*lines: Line) -> Look:
    three = (line(0, 3.0, "Send", "aa"), line(1, -1.0, "(idle)"), line(2, 70.0, "Archive", "bb"))
    return Look((Remark("mail  running"),), COLUMNS, lines or three)
