"""Jobs that the web page shows: quick ones, failing ones, and some that run until they are killed."""

import time

import resqd

app = resqd.App()


@app.job(queue="mail", name="mail.send_digest", mask=["address"])
def send_digest(address: str, subject: str) -> None:
    """Ends at once."""


@app.job(queue="billing", name="billing.charge_card", mask=["customer"])
def charge_card(customer: str, amount: int) -> None:  # noqa: ARG001 - it is shown, masked
    """Fails each third time."""
    time.sleep(0.002)
    if amount % 3 == 0:
        raise ConnectionError(f"payments.internal did not answer in {amount % 7 + 1} s")


@app.job(queue="search", name="search.reindex_shard")
def reindex_shard(shard: int) -> None:  # noqa: ARG001 - it is shown
    """Runs for ten minutes, or until it is killed."""
    for _ in range(12_000):
        time.sleep(0.05)


@app.job(queue="idle", name="mail.once", unique=resqd.Unique())
def once(number: int) -> None:
    """Waits for a daemon that works on its queue."""


@app.job(
    queue="search",
    name="search.export",
    limits=resqd.limit("exports", resqd.Concurrency(1)),
    retry=resqd.Retry(2, first=3600),
    keep_result=3600,
)
def export(number: int, how: str = "") -> int:
    """Fails, or runs for ten minutes, or returns its number."""
    if how == "fail":
        raise ConnectionError("no such bucket")
    if how == "hold":
        reindex_shard(number)
    return number
