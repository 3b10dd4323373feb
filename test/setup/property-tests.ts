import fc from 'fast-check';

/*
 * Property-based tests draw the same arguments in every run, so that a test fails because of what was changed.
 * `GEMMULE_TEST_SEED=random` draws others each time (a failure prints its seed), and a number repeats them.
 */
const wanted = process.env.GEMMULE_TEST_SEED ?? '20261125';
fc.configureGlobal({ seed: wanted === 'random' ? Date.now() % 2 ** 31 : Number(wanted) });
