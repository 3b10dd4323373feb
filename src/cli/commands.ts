import type { Command } from './command.js';
import { analogyCommand } from './commands/analogy.js';
import { attentionCommand } from './commands/attention.js';
import { biasCommand } from './commands/bias.js';
import { convertCommand } from './commands/convert.js';
import { downloadCommand } from './commands/download.js';
import { embedCommand } from './commands/embed.js';
import { indexCommand } from './commands/index-folder.js';
import { infoCommand } from './commands/info.js';
import { mapCommand } from './commands/map.js';
import { neighboursCommand } from './commands/neighbours.js';
import { oddOneOutCommand } from './commands/odd-one-out.js';
import { quantizeCommand } from './commands/quantize.js';
import { rerankCommand } from './commands/rerank.js';
import { searchCommand } from './commands/search.js';
import { serveCommand } from './commands/serve.js';
import { similarityCommand } from './commands/similarity.js';
import { tokenizeCommand } from './commands/tokenize.js';
import { trainWordsCommand } from './commands/train-words.js';

/** All commands of the program, in the order in which its help lists them. */
export const COMMANDS: readonly Command[] = [
  embedCommand,
  similarityCommand,
  tokenizeCommand,
  downloadCommand,
  indexCommand,
  searchCommand,
  analogyCommand,
  neighboursCommand,
  oddOneOutCommand,
  rerankCommand,
  serveCommand,
  mapCommand,
  attentionCommand,
  biasCommand,
  trainWordsCommand,
  quantizeCommand,
  convertCommand,
  infoCommand,
];
