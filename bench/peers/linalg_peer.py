"""The operations of bench/linalg.ts in NumPy and SciPy, timed as there.

    python linalg_peer.py JOB

Prints {"numpy": {case: seconds of the fastest call}, "scipy": {...}}; what one of them does not have is left out.
"""

import json
import sys
import time

import numpy as np
import scipy.linalg

NUMPY = {
    "svd": lambda a, _: np.linalg.svd(a, full_matrices=False),
    "eigh": lambda a, _: np.linalg.eigh(a),
    "eig": lambda a, _: np.linalg.eig(a),
    "qr": lambda a, _: np.linalg.qr(a),
    "cholesky": lambda a, _: np.linalg.cholesky(a),
    "solve": lambda a, b: np.linalg.solve(a, b),
    "inv": lambda a, _: np.linalg.inv(a),
    "matmul": lambda a, _: a @ a,
}
SCIPY = {
    "svd": lambda a, _: scipy.linalg.svd(a, full_matrices=False),
    "eigh": lambda a, _: scipy.linalg.eigh(a),
    "eig": lambda a, _: scipy.linalg.eig(a),
    "qr": lambda a, _: scipy.linalg.qr(a, mode="economic"),
    "cholesky": lambda a, _: scipy.linalg.cholesky(a, lower=True),
    "lu": lambda a, _: scipy.linalg.lu(a, p_indices=True),
    "solve": lambda a, b: scipy.linalg.solve(a, b),
    "inv": lambda a, _: scipy.linalg.inv(a),
}


def least_seconds(call, seconds, min_calls, clock):
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < min_calls or time.perf_counter() < end:
        start = clock()
        call()
        times.append(clock() - start)
    return min(times)


def operands(case):
    generator = np.random.default_rng(1)
    a = generator.standard_normal(case["dims"]).astype(case["dtype"])
    b = generator.standard_normal((case["dims"][0], 1)).astype(case["dtype"])
    if case["operation"] == "cholesky":
        a = a @ a.T + len(a) * np.eye(len(a), dtype=a.dtype)
    if case["operation"] == "eigh":
        a = a + a.T
    return a, b


def main(job_file):
    with open(job_file) as file:
        job = json.load(file)
    clock = time.process_time if job["clock"] == "processor" else time.perf_counter
    least = {"numpy": {}, "scipy": {}}
    for case in job["cases"]:
        a, b = operands(case)
        for peer, library in (("numpy", NUMPY), ("scipy", SCIPY)):
            operation = library.get(case["operation"])
            if operation is None:
                continue
            seconds = least_seconds(lambda: operation(a, b), job["seconds"], job["minCalls"], clock)
            least[peer][case["name"]] = seconds
    print(json.dumps(least))


main(sys.argv[1])
