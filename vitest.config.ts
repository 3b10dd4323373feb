import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/package/**'],
          pool: 'forks',
          setupFiles: ['test/setup/environment.ts', 'test/setup/property-tests.ts'],
          // For what hangs, not for what is slow: a browser may take long to start on a busy machine.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Style sheets that are imported as text are not left empty.
          css: true,
        },
      },
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          // Some tests download a runtime first.
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
