// Builds the pages one by one into the folder given (else ./dist): each is a document, one script and one style
// sheet under names of their own, so that a page and its script never come from two builds of shared pieces.
import { cp } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const outDir = resolve(process.argv[2] ?? `${root}dist`);

/** `entry` becomes `<name>.js`, and its style `<name>.css`; the loader is one classic script. */
async function script(name, entry, format = 'es') {
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    build: {
      outDir,
      emptyOutDir: false,
      target: 'es2022',
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      cssCodeSplit: false,
      modulePreload: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: `${root}${entry}`,
        output: { format, entryFileNames: `${name}.js`, assetFileNames: `${name}[extname]`, codeSplitting: false },
      },
    },
  });
}

await script('widget', 'widget/main.ts', 'iife');
for (const page of ['frame', 'inbox', 'demo', 'app']) {
  await script(page, `${page}/main.tsx`);
  await cp(`${root}${page}/page.html`, `${outDir}/${page}.html`);
}
await cp(`${root}shared/icon.svg`, `${outDir}/icon.svg`);
