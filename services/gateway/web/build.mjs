// Builds the pages one by one into the folder given (else ./dist): each is a document, one script and one style
// sheet under names of their own, so that a page and its script never come from two builds of shared pieces. Each
// language of the chat is built by itself as well, `frame.de.js` and so on: the chat loads the one that it needs.
import { cp, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { CSS_TARGET, TARGET, supportCheck } from './support.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const outDir = resolve(process.argv[2] ?? `${root}dist`);

// Customers come with any browser that is supported; agents keep theirs up to date.
const FOR_CUSTOMERS = { target: TARGET, cssTarget: CSS_TARGET, plugins: [supportCheck] };
const FOR_AGENTS = {
  target: TARGET,
  cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
  plugins: [],
};
// Older browsers can read the loader as well, to say in the console that they are too old.
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
