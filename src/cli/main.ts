import { GemmuleError, VERSION } from '../index.js';
import { runInterruptTasks } from './cleanup.js';
import { parseCommand, UsageError } from './command.js';
import { COMMANDS } from './commands.js';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_SIGINT = 130;
const EXIT_SIGTERM = 143;

function usage(): string {
  const commands = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}`).join('\n');
  return `gemmule ${VERSION}: text embeddings and word vectors on your own machine

Usage: gemmule COMMAND [arguments]

${commands}

gemmule COMMAND --help says more. Environment: GEMMULE_BACKEND=native|reference, GEMMULE_ISA, GEMMULE_NUM_THREADS.
`;
}

/** A reader that has seen enough, such as `head`, is no error: stop quietly, leaving no half-written file. */
function stopAtClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    runInterruptTasks();
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`gemmule: cannot write to standard output: ${error.message}\n`);
    process.exit(EXIT_FAILURE);
  });
}

/** @param gracefully - whether the first signal only aborts, and the command ends by itself. */
function stopAtSignals(gracefully: boolean): AbortController {
  const controller = new AbortController();
  const stop = (code: number) => (): void => {
    const isFirst = !controller.signal.aborted;
    controller.abort();
    if (gracefully && isFirst) return;
    runInterruptTasks();
    process.exit(code);
  };
  process.on('SIGINT', stop(EXIT_SIGINT));
  process.on('SIGTERM', stop(EXIT_SIGTERM));
  return controller;
}

/** Warnings as one paragraph of the program's own, without Node's process number and hint. */
function printWarningsPlainly(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'GemmuleWarning') process.stderr.write(`gemmule: warning: ${warning.message}\n`);
  });
}

function oneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, ' ');
}

async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(usage());
    return;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    throw new UsageError(`no command "${name}"; there are ${COMMANDS.map((known) => known.name).join(', ')}`);
  }
  const { texts, options } = parseCommand(command, rest);
  if (options.help === true) {
    process.stdout.write(command.usage);
    return;
  }
  stopAtClosedPipe();
  const { signal } = stopAtSignals(command.stopsGracefully === true);
  await command.run({ texts, options, signal });
}

printWarningsPlainly();
main(process.argv.slice(2)).catch((error: unknown) => {
  runInterruptTasks();
  if (error instanceof UsageError || error instanceof GemmuleError) {
    process.stderr.write(`gemmule: ${oneLine(error.message)}\n`);
    process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
    return;
  }
  process.stderr.write(`gemmule: unexpected error, please report it: ${(error as Error)?.stack ?? String(error)}\n`);
  process.exitCode = EXIT_FAILURE;
});
