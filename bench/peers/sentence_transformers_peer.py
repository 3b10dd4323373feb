"""sentence-transformers on PyTorch, put through what harness.mjs does.

    python sentence_transformers_peer.py JOB float32|bfloat16
"""

import itertools
import json
import os
import resource
import sys
import time

WARM_UP_SECONDS = 4
LATENCY_CALLS = 1000


def seconds_since_process_start():
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def milliseconds(work):
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def main(job_file, dtype):
    with open(job_file) as file:
        job = json.load(file)
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(job["model"], device="cpu", model_kwargs={"torch_dtype": getattr(torch, dtype)})

    def embed(texts):
        return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    embed(["the first text"])
    results = {"firstVector": seconds_since_process_start() * 1000, "throughput": {}}
    workloads = {workload["name"]: workload["texts"] for workload in job["workloads"]}
    embed(workloads["mixed"][:64])
    results["throughput"]["mixed"] = milliseconds(lambda: embed(workloads["mixed"]))
    results["peakMebibytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, texts in workloads.items():
        if name != "mixed":
            results["throughput"][name] = milliseconds(lambda: embed(texts))
    alike = [text for text in workloads["short"] if 45 <= len(text) <= 60]
    in_turn = itertools.cycle(alike)
    warm = time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < warm:
        embed([next(in_turn)])
    latencies = sorted(milliseconds(lambda: embed([next(in_turn)])) for _ in range(LATENCY_CALLS))
    results["latency"] = {"p50": latencies[LATENCY_CALLS // 2], "p99": latencies[LATENCY_CALLS * 99 // 100]}
    results["golden"] = [[float(value) for value in vector] for vector in embed(job["golden"])]
    print(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
