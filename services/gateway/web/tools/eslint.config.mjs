import { readFileSync } from 'node:fs';

import js from '@eslint/js';
import globals from 'globals';
import ts from 'typescript-eslint';

// The same files as for prettier.
const ignored = readFileSync(new URL('../../../../.prettierignore', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => `**/${line}`);

export default [
  { ignores: ignored },
  js.configs.recommended,
  ...ts.configs.recommended,
  { files: ['**/*.ts', '**/*.tsx'], languageOptions: { globals: globals.browser } },
  {
    files: ['**/*.mjs', '**/packages/**/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    rules: {
      // Indexes are checked by TypeScript's noUncheckedIndexedAccess; `!` states what is known.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_$', ignoreRestSiblings: true },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'prefer-const': 'error',
    },
  },
  {
    // What a customer's page, an app or a stream hands over has any shape: it is checked where it
    // is used.
    files: ['**/web/app/**', '**/web/frame/**', '**/web/widget/**'],
    rules: { '@typescript-eslint/no-explicit-any': 'off' },
  },
];
