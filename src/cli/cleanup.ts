/** What must still happen when the program is interrupted: removing half-written files, clearing the progress line. */
const tasks = new Set<() => void>();

/** Registers a task for the case of an interruption; returns how to take it back. Tasks must not wait for anything. */
export function onInterrupt(task: () => void): () => void {
  tasks.add(task);
  return () => tasks.delete(task);
}

export function runInterruptTasks(): void {
  for (const task of tasks) task();
  tasks.clear();
}
