// Runs eslint or prettier over the web client and the browser tests. From the root of the
// repository: eslint ignores files outside of the folder in which it runs.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TARGETS = ['services/gateway/web', 'tests/browser'];
const OPTIONS = {
  eslint: [
    '--config=services/gateway/web/tools/eslint.config.mjs',
    '--max-warnings=0',
    '--no-error-on-unmatched-pattern',
  ],
  prettier: ['--config=services/gateway/web/tools/prettier.json', '--log-level=warn'],
};

const [tool, ...given] = process.argv.slice(2);
const program = fileURLToPath(new URL(`node_modules/.bin/${tool}`, import.meta.url));
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const { status, error } = spawnSync(program, [...OPTIONS[tool], ...given, ...TARGETS], {
  cwd: root,
  stdio: 'inherit',
});
if (error) throw error;
process.exitCode = status ?? 1;
