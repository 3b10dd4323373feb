"""The operations of bench/arrays.ts in NumPy and SciPy, timed as there.

    python numpy_peer.py JOB

Prints {case: median seconds of a call}.
"""

import json
import statistics
import sys
import time

import numpy as np
from scipy.special import softmax

OPERATIONS = {
    "matmul": lambda a, b: a @ b,
    "add": lambda a, b: a + b,
    "exp": lambda a, _: np.exp(a),
    "sum": lambda a, _: a.sum(),
    "mean of rows": lambda a, _: a.mean(axis=-1),
    "maximum of columns": lambda a, _: a.max(axis=0),
    "softmax": lambda a, _: softmax(a, axis=-1),
    "transposed copy": lambda a, _: np.ascontiguousarray(a.T),
}


def median_seconds(call, seconds):
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(job_file):
    with open(job_file) as file:
        job = json.load(file)
    generator = np.random.default_rng(1)
    medians = {}
    for case in job["cases"]:
        a, b = (generator.standard_normal(case["dims"]).astype(case["dtype"]) for _ in range(2))
        operation = OPERATIONS[case["operation"]]
        medians[case["name"]] = median_seconds(lambda: operation(a, b), job["seconds"])
    print(json.dumps(medians))


main(sys.argv[1])
