"""How long a scrape of a busy daemon takes, and what scrapes change for frames.

One client sends a stream under EVERY, as fast as it can, in a process of its own. Its frames are
timed while nobody scrapes and while the metrics are scraped again and again, in turns, so that a
machine whose speed drifts changes both alike. Prints the time of a scrape, and for the median and
the 99th percentile of the frames' latencies the ratio of the turns with scrapes to those without.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from inputs import load_inputs, remember_choice
from load import Load

from edgesegd.bench.launch import LaunchedDaemon

AIM_SECONDS = 0.010
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
"""Of Prometheus 2.42 (scrape/scrape.go): the page is in another format than for a browser, and
compressed."""
WARM_UP_SECONDS = 3.0


def scrape(url: str) -> float:
    """The seconds that a scrape takes, as Prometheus makes it: a new connection each time."""
    started = time.perf_counter()
    request = urllib.request.Request(url, headers=HEADERS)  # noqa: S310 # our own daemon's
    with urllib.request.urlopen(request, timeout=30) as page:  # noqa: S310 # as above
        page.read()
    return time.perf_counter() - started


@contextlib.contextmanager
def scraping(url: str, interval: float, seconds: list[float]) -> Iterator[None]:
    """Scrape every `interval` seconds within the block; the times are added to `seconds`."""
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            seconds.append(scrape(url))
            ended.wait(interval)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def percentile_99(values: list[float]) -> float:
    """The 99th percentile; there must be at least a hundred values for it to mean much."""
    return statistics.quantiles(values, n=100)[98]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds (default: 10)")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds a turn (default: 10)")
    parser.add_argument(
        "--interval", type=float, default=1.0, help="seconds between scrapes (default: 1)"
    )
    args = parser.parse_args()
    inputs = load_inputs()
    turns: dict[str, list[list[float]]] = {"quiet": [], "scraped": []}
    scrapes: list[float] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        jpeg = folder / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        daemon = stack.enter_context(LaunchedDaemon(*remember_choice(inputs, folder)))
        load = stack.enter_context(Load("every", daemon.address, jpeg))
        load.latencies(WARM_UP_SECONDS)
        for number in range(args.rounds):
            order = ("quiet", "scraped") if number % 2 else ("scraped", "quiet")
            for turn in order:
                with contextlib.ExitStack() as scraper:
                    if turn == "scraped":
                        scraper.enter_context(scraping(daemon.metrics_url, args.interval, scrapes))
                    turns[turn].append(load.latencies(args.seconds))
    print(f"{inputs.names}; {args.rounds} rounds of two turns of {args.seconds:g} s")
    print(
        f"a scrape: median {statistics.median(scrapes) * 1e3:.1f} ms, longest "
        f"{max(scrapes) * 1e3:.1f} ms of {len(scrapes)}, aim {AIM_SECONDS * 1e3:.0f} ms or less"
    )
    for name, of_turn in (("p50", statistics.median), ("p99", percentile_99)):
        pairs = zip(turns["scraped"], turns["quiet"], strict=True)
        ratios = [of_turn(scraped) / of_turn(quiet) for scraped, quiet in pairs]
        print(
            f"{name} of frames with a scrape every {args.interval:g} s / without: "
            f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        )
    print(
        f"frames: {sum(map(len, turns['quiet']))} without, {sum(map(len, turns['scraped']))} with"
    )


if __name__ == "__main__":
    main()
