/** `gemmule/geometry`: the shape of a space of vectors, and smaller spaces that keep it. */
export { ALS, type AlsFitOptions, type AlsOptions, type Recommendation } from './als.js';
export { type Hubness, type HubnessOptions, hubness } from './hubness.js';
export { type Isotropy, isotropy, isotropyByLayer, type SelfSimilarity, selfSimilarity } from './isotropy.js';
export { type Clustering, type KMeansOptions, kMeans, nearestCentroids } from './k-means.js';
export { type LowRankApproximation, type LowRankOptions, lowRankApproximation } from './low-rank.js';
export { PCA, type PcaOptions, type PcaSolver } from './pca.js';
export { type ProcrustesAlignment, type ProcrustesOptions, procrustes } from './procrustes.js';
export { type Silhouette, silhouette } from './silhouette.js';
export { TfIdf, type TfIdfOptions } from './tfidf.js';
export { TruncatedSVD, type TruncatedSvdOptions } from './truncated-svd.js';
