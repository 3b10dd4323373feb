"""One training of bench/word2vec.ts by gensim, timed as there: without reading the text and counting its words.

    python word2vec_peer.py JOB

Prints {"seconds": ..., "vectors": file in word2vec's text format}.
"""

import json
import sys
import time

from gensim.models import FastText, Word2Vec
from gensim.models.word2vec import LineSentence


def main(job_file):
    with open(job_file) as file:
        job = json.load(file)
    options = job["options"]
    bag = options.get("architecture") == "continuousBag"
    hierarchical = options.get("objective") == "hierarchicalSoftmax"
    settings = dict(
        vector_size=100,
        window=5,
        min_count=5,
        sample=1e-3,
        sg=0 if bag else 1,
        hs=1 if hierarchical else 0,
        negative=0 if hierarchical else 5,
        alpha=0.05 if bag else 0.025,
        min_alpha=1e-4,
        workers=job["threads"],
        seed=job["seed"],
    )
    subwords = options.get("subwords")
    if subwords:
        model = FastText(min_n=3, max_n=6, bucket=subwords["buckets"], **settings)
    else:
        model = Word2Vec(**settings)
    sentences = list(LineSentence(job["sentences"]))
    model.build_vocab(sentences)
    start = time.perf_counter()
    model.train(sentences, total_examples=model.corpus_count, epochs=job["epochs"])
    seconds = time.perf_counter() - start
    model.wv.save_word2vec_format(job["vectors"], binary=False)
    print(json.dumps({"seconds": seconds, "vectors": job["vectors"]}))


main(sys.argv[1])
