"""gensim's side of bench/word-vectors.ts.

    python word_vectors_peer.py JOB

Prints {name: median seconds}, and what the analogies came to.
"""

import json
import logging
import statistics
import sys
import time

from gensim.models import KeyedVectors

logging.disable(logging.CRITICAL)


def seconds(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(job_file):
    with open(job_file) as file:
        job = json.load(file)
    results = {}
    repeats = job["repeats"]
    load = KeyedVectors.load_word2vec_format
    for name, file in job["texts"].items():
        results[name] = seconds(lambda: load(file, binary=False, no_header=True), repeats)
    results["binary"] = seconds(lambda: load(job["binary"], binary=True), repeats)
    model = load(job["binary"], binary=True)
    model.save(job["cache"])
    # Its own format, mapped into memory: as near as gensim has to a cache.
    results["cache"] = seconds(lambda: KeyedVectors.load(job["cache"], mmap="r"), repeats)
    model.fill_norms()
    results["query"] = seconds(
        lambda: [model.most_similar(positive=[a, c], negative=[b]) for a, b, c in job["queries"]], repeats
    ) / len(job["queries"])
    if job["questions"]:
        found = []
        results["analogies"] = seconds(lambda: found.append(model.evaluate_word_analogies(job["questions"])), 1)
        total = found[0][1][-1]
        results["correct"] = len(total["correct"])
        results["asked"] = len(total["correct"]) + len(total["incorrect"])
    print(json.dumps(results))


main(sys.argv[1])
