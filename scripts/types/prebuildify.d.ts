declare module 'prebuildify' {
  /** Builds prebuilds/<platform>-<arch>/; calls back when done. */
  const prebuildify: (options: Record<string, unknown>, callback: (error: Error | null) => void) => void;
  export = prebuildify;
}
