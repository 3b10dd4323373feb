"""Exact search by sentence-transformers over the job of bench/retrieval.ts.

    python retrieval_peer.py JOB

Prints {"found": [[document, ...], ...]}: for each query the ten nearest documents, best first.
"""

import json
import sys

import torch
from sentence_transformers import SentenceTransformer, util


def main(job_file):
    with open(job_file) as file:
        job = json.load(file)
    model = SentenceTransformer(job["model"], device="cpu")
    encode = lambda texts: model.encode(texts, normalize_embeddings=True, convert_to_tensor=True)
    with torch.inference_mode():
        hits = util.semantic_search(encode(job["queries"]), encode(job["documents"]), top_k=10)
    print(json.dumps({"found": [[hit["corpus_id"] for hit in row] for row in hits]}))


main(sys.argv[1])
