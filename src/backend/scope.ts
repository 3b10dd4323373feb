/** The path of the module whose forward is running, such as `encoder.layer.3.attention`. */
const path: string[] = [];

/** Runs `body` with `name` appended to the module path. Names may themselves contain dots. */
export function withScope<T>(name: string, body: () => T): T {
  path.push(name);
  try {
    return body();
  } finally {
    path.pop();
  }
}

/** The current module path, or an empty string outside any module. */
export function currentScope(): string {
  return path.join('.');
}
