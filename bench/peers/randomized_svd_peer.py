"""The decompositions of bench/randomized-svd.ts by scikit-learn and SciPy, timed as there.

    python randomized_svd_peer.py JOB

Prints {case: {variant: {"seconds": median, "error": worst relative error of a kept singular value}}}.
"""

import json
import statistics
import sys
import time

import numpy as np
import scipy.linalg
from sklearn.utils.extmath import randomized_svd


def measure(call, repeats):
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        values = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), values


def main(job_file):
    with open(job_file) as file:
        job = json.load(file)
    rows, columns, rank = job["rows"], job["columns"], job["rank"]
    generator = np.random.default_rng(1)
    left = np.linalg.qr(generator.standard_normal((rows, columns)))[0]
    right = np.linalg.qr(generator.standard_normal((columns, columns)))[0]
    results = {}
    for case in job["cases"]:
        spectrum = np.array(case["spectrum"])
        a = ((left * spectrum) @ right).astype(case["dtype"])
        variants = {
            "default": lambda: randomized_svd(a, rank, random_state=0)[1],
            "same": lambda: randomized_svd(
                a, rank, n_oversamples=job["oversampling"], n_iter=case["powerIterations"], random_state=0
            )[1],
            "exact": lambda: scipy.linalg.svd(a, full_matrices=False)[1][:rank],
        }
        measured = {}
        for name in case["variants"]:
            seconds, values = measure(variants[name], 1 if name == "exact" else job["repeats"])
            error = float(np.max(np.abs(values - spectrum[:rank]) / spectrum[:rank]))
            measured[name] = {"seconds": seconds, "error": error}
        results[case["name"]] = measured
    print(json.dumps(results))


main(sys.argv[1])
