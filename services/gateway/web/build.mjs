// Builds the pages into the folder of the first argument, or ./dist. Each page is a document, one script and one style
// sheet, without chunks that pages share, so that a page never loads files of two builds. Each language of the chat is a
// separate script such as `frame.de.js`, which the chat loads when it needs it.
import { cp, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { CSS_TARGET, TARGET, supportCheck } from './support.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const outDir = resolve(process.argv[2] ?? `${root}dist`);

// Visitors have any supported browser; agents are expected to have a recent one.
const FOR_CUSTOMERS = { target: TARGET, cssTarget: CSS_TARGET, plugins: [supportCheck] };
const FOR_AGENTS = {
  target: TARGET,
  cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
  plugins: [],
};
// The loader also parses in older browsers, where it logs that the browser is too old.
const LOADER = { ...FOR_CUSTOMERS, format: 'iife', target: 'es2020' };

/** `entry` becomes `<name>.js`, and its style `<name>.css`. */
async function script(name, entry, { target, cssTarget, plugins, format = 'es' }) {
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    plugins,
    build: {
      outDir,
      emptyOutDir: false,
      target,
      cssTarget,
      cssCodeSplit: false,
      modulePreload: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: `${root}${entry}`,
        preserveEntrySignatures: 'strict',
        output: {
          format,
          entryFileNames: `${name}.js`,
          assetFileNames: `${name}[extname]`,
          codeSplitting: false,
        },
      },
    },
  });
}

await script('widget', 'widget/main.ts', LOADER);
await script('links', 'shared/links.ts', FOR_CUSTOMERS);
for (const page of ['frame', 'inbox', 'demo', 'app']) {
  await script(page, `${page}/main.tsx`, page === 'inbox' ? FOR_AGENTS : FOR_CUSTOMERS);
  await cp(`${root}${page}/page.html`, `${outDir}/${page}.html`);
}
for (const file of await readdir(`${root}frame/texts`)) {
  const [language] = file.split('.');
  if (!['en', 'type'].includes(language))
    await script(`frame.${language}`, `frame/texts/${file}`, FOR_CUSTOMERS);
}
await cp(`${root}shared/icon.svg`, `${outDir}/icon.svg`);
