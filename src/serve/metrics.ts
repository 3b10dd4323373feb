import { memory, type RunReport } from '../index.js';
import type { Admission } from './admission.js';

type MetricsPackage = typeof import('prom-client');

const PREFIX = 'gemmule_';

/** From half a millisecond to about a minute. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/** What Prometheus is told: Text Embeddings Inference's names, with `gemmule_` for `te_`, and the process's own numbers. */
export class Metrics {
  readonly #registry: InstanceType<MetricsPackage['Registry']>;
  readonly #requests;
  readonly #successes;
  readonly #failures;
  readonly #durations;
  readonly #queueDurations;
  readonly #inferenceDurations;
  readonly #inputLengths;
  readonly #batchSizes;
  readonly #batchTokens;
  readonly #tokens;

  constructor({ Counter, Gauge, Histogram, Registry, collectDefaultMetrics }: MetricsPackage, admission: Admission) {
    const registry = new Registry();
    const registers = [registry];
    const counter = <const T extends string>(name: string, help: string, labelNames: readonly T[]) =>
      new Counter<T>({ name: PREFIX + name, help, labelNames, registers });
    const histogram = <const T extends string>(
      name: string,
      help: string,
      buckets: readonly number[],
      labelNames: readonly T[],
    ) => new Histogram<T>({ name: PREFIX + name, help, buckets: [...buckets], labelNames, registers });
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name: PREFIX + name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });

    this.#registry = registry;
    this.#requests = counter('request_count', 'Requests.', ['method']);
    this.#successes = counter('request_success', 'Requests answered with what they asked for.', ['method']);
    this.#failures = counter('request_failure', 'Requests answered with an error.', ['method', 'status']);
    this.#durations = histogram('request_duration', 'Seconds from a request to its answer.', SECONDS, ['method']);
    this.#queueDurations = histogram('request_queue_duration', 'Seconds that a request waited.', SECONDS, ['model']);
    this.#inferenceDurations = histogram('request_inference_duration', 'Seconds a batch took.', SECONDS, ['model']);
    this.#inputLengths = histogram('request_input_length', 'Tokens of a text.', SIZES, ['model']);
    this.#batchSizes = histogram('batch_next_size', 'Texts in a batch.', SIZES, ['model']);
    this.#batchTokens = histogram('batch_next_tokens', 'Tokens in a batch.', SIZES, ['model']);
    this.#tokens = counter('tokens', 'Tokens computed.', ['model']);
    gauge('queue_size', 'Texts that were accepted and not answered yet.', () => admission.texts);
    gauge('queue_tokens', 'Their tokens, estimated.', () => admission.tokens);
    gauge('requests_in_flight', 'Requests that are being answered.', () => admission.requests);
    new Gauge({
      name: `${PREFIX}native_memory_bytes`,
      help: 'Memory of the engine, outside the JavaScript heap.',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const [kind, bytes] of Object.entries(memory())) this.set({ kind }, bytes as number);
      },
    });
    collectDefaultMetrics({ register: registry, prefix: PREFIX });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything, in Prometheus's text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Counts a request that has been answered. @param method - its route. */
  answered(method: string, status: number, seconds: number): void {
    this.#requests.inc({ method });
    if (status < 400) this.#successes.inc({ method });
    else this.#failures.inc({ method, status });
    this.#durations.observe({ method }, seconds);
  }

  /** Counts a batch. */
  computed(model: string, { lengths, waits, milliseconds }: RunReport): void {
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    for (const length of lengths) this.#inputLengths.observe({ model }, length);
    for (const wait of waits) this.#queueDurations.observe({ model }, wait / 1000);
    this.#inferenceDurations.observe({ model }, milliseconds / 1000);
    this.#batchSizes.observe({ model }, lengths.length);
    this.#batchTokens.observe({ model }, tokens);
    this.#tokens.inc({ model }, tokens);
  }

  /** Stops what watches the process. */
  close(): void {
    this.#registry.clear();
  }
}
