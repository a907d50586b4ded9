// The oldest supported browsers, the sizes of what visitors load, and links in all scripts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  reply,
  call,
  chatOn,
  contactOf,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

const KIB = 1024;
let env, shop;
before(async () => {
  env = await startEnvironment();
  shop = await site(
    {
      '/visitor': snippet(env.base, env.demo, {}),
      '/lina': snippet(env.base, env.demo, { user_id: 'lina', name: 'Lina' }),
    },
    { host: 'localhost' },
  );
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

// Removes what Safari, Firefox or Chromium added after the oldest supported versions.
const OLD = `for (const [owner, names] of [
    [AbortSignal, ['any', 'timeout']], [URL, ['canParse', 'parse']], [Promise, ['withResolvers', 'try']], [Object, ['groupBy']], [Map, ['groupBy']], [Array, ['fromAsync']],
    [Array.prototype, ['findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with']], [Element.prototype, ['moveBefore', 'checkVisibility']],
    [String.prototype, ['isWellFormed', 'toWellFormed']], [Intl, ['Segmenter', 'DurationFormat']], [window, ['scheduler', 'navigation']],
  ]) for (const name of names) delete owner[name];
  for (const name of ['ariaExpanded', 'ariaLabel', 'popover']) delete Element.prototype[name];
  window.CSSStyleSheet = class { constructor() { throw new TypeError('Illegal constructor') } };
  delete ShadowRoot.prototype.adoptedStyleSheets;`;

test('the widget works without what the oldest supported browsers lack', async () => {
  const device = await env.device();
  await device.addInitScript(OLD);
  const page = await openPage(device, `${shop.base}/visitor`);
  const button = page.locator('onethread-widget button');
  const chat = await chatOn(page);
  assert.equal(await button.evaluate((one) => getComputedStyle(one).position), 'fixed');
  assert.equal(await button.getAttribute('aria-expanded'), 'true');
  await chat.fillForm({ name: 'Olga', email: 'olga@example.com' });
  await chat.say('from an old phone https://example.com/');
  await chat.thread('from an old phone https://example.com/');
  await chat.chat.locator('#thread a').waitFor();
  await call(page, 'userAuth', { user_id: 'olga', name: 'Olga' });
  await waitUntil('Olga', async () => (await contactOf(env.base, env.demo, 'olga')) !== undefined);
  const { id } = await contactOf(env.base, env.demo, 'olga');
  await reply(env.base, env.demo, id, 'an answer');
  await chat.thread('from an old phone https://example.com/', 'an answer');
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});

test('an older browser gets a warning in the console, and nothing breaks', async () => {
  const device = await env.device();
  await device.addInitScript('delete window.structuredClone');
  const page = await openPage(device, `${shop.base}/visitor`);
  await waitUntil(
    'the line',
    () =>
      page.warnings.some((line) => /too old.*Safari 15\.4, Firefox 102 or Chromium 100/.test(line)),
    () => page.warnings,
  );
  assert.equal(await page.locator('onethread-widget').count(), 0);
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('the build reports calls that the oldest browsers lack', async () => {
  const { findUnsupported } = await import('../../services/gateway/web/support.mjs');
  for (const code of [
    'AbortSignal.any([a])',
    'URL.canParse(a)',
    'a.findLast(b)',
    'new URLPattern(a)',
    'a.ariaExpanded = b',
    '/(?<=a)b/',
    'class A { static { b() } }',
  ]) {
    assert.equal(findUnsupported(code).length, 1, code);
  }
  for (const code of [
    'Promise.any([a])',
    'a.at(1)',
    'new URL(a)',
    'a.setAttribute(b, c)',
    '/(?<name>a)/',
  ])
    assert.deepEqual(findUnsupported(code), [], code);
  for (const name of ['/widget.js', '/links.js', '/widget/frame.js', '/widget/app.js']) {
    assert.deepEqual(findUnsupported(await (await fetch(env.base + name)).text()), [], name);
  }
});

test('the script and the chat stay small', async () => {
  const size = async (path) =>
    gzipSync(Buffer.from(await (await fetch(env.base + path)).arrayBuffer()), { level: 9 }).length;
  const script = await size('/widget.js');
  assert.ok(script <= 3.5 * KIB, `the script is ${script} bytes`);
  let all = script;
  for (const path of ['/widget/frame', '/widget/frame.js', '/widget/frame.css'])
    all += await size(path);
  assert.ok(all <= 30 * KIB, `script and chat are ${all} bytes`);
});

const LINKS = JSON.parse(readFileSync(new URL('links.json', import.meta.url)));

test('addresses in all scripts are links, without the text around them', async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/lina`);
  const { chat, say, thread } = await chatOn(page);
  await say('hello');
  await thread('hello');
  const { id } = await contactOf(env.base, env.demo, 'lina');
  for (const [text] of LINKS) await reply(env.base, env.demo, id, text);
  const shown = chat.locator('#thread li:not(:first-child) .text');
  await waitUntil('all texts', async () => (await shown.count()) === LINKS.length);
  await chat.locator('#thread a').first().waitFor();
  for (const [at, [text, ...links]] of LINKS.entries()) {
    const one = shown.nth(at);
    assert.equal(await one.textContent(), text);
    const found = await one
      .locator('a')
      .evaluateAll((all) => all.map((link) => [link.textContent, link.getAttribute('href')]));
    assert.deepEqual(
      found,
      links.map((link) => (Array.isArray(link) ? link : [link, link])),
      JSON.stringify(text),
    );
  }
  assert.deepEqual(page.errors, []);
  await device.close();
});
