// Shared by the browser tests: the server under test, Chromium, and helpers that use the pages as people do.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const MODULES = join(dirname(fileURLToPath(import.meta.url)), 'node_modules');
const START_MS = 30_000;
const WAIT_MS = 10_000;

/** The binary under test: ONETHREAD_BIN, or the most recent build. */
function binary() {
  if (process.env.ONETHREAD_BIN) return process.env.ONETHREAD_BIN;
  const target = process.env.CARGO_TARGET_DIR
    ? resolve(ROOT, process.env.CARGO_TARGET_DIR)
    : join(ROOT, 'target');
  const built = ['release', 'debug']
    .map((profile) => join(target, profile, 'onethread'))
    .filter(existsSync);
  if (!built.length)
    throw new Error('There is no onethread to test: run `cargo build --workspace` first.');
  return built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

/** Starts a server with a new data folder. */
async function startServer() {
  const folder = mkdtempSync(join(tmpdir(), 'onethread-browser-'));
  const data = join(folder, 'data');
  const free = ['http', 'identity', 'conversation', 'contact-import'].flatMap((part) => [
    `--${part}-addr`,
    '127.0.0.1:0',
  ]);
  const env = { ...process.env, ONETHREAD_RATE_LIMITS: 'off', RUST_LOG: 'warn' };
  const child = spawn(binary(), ['--data-dir', data, ...free], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((done) => child.once('exit', done));
  const stop = async () => {
    const stubborn = setTimeout(() => child.kill('SIGKILL'), WAIT_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(stubborn);
    rmSync(folder, { recursive: true, force: true });
  };
  const json = (name) => JSON.parse(readFileSync(join(data, name), 'utf8'));
  for (const end = Date.now() + START_MS; Date.now() < end; await pause(20)) {
    if (child.exitCode !== null) throw new Error(`onethread ended with ${child.exitCode}`);
    if (existsSync(join(data, 'run.json')))
      return { base: `http://${json('run.json').http}`, demo: json('bootstrap.json'), stop };
  }
  await stop();
  throw new Error('onethread does not serve');
}

/** Starts a server and a browser for the tests of one file; `stop` ends both. */
export async function startEnvironment() {
  const server = await startServer();
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  const profiles = [];
  const browser = await chromium
    .launch({ executablePath, headless: true, args })
    .catch(async (error) => {
      await server.stop();
      throw error;
    });
  return {
    ...server,
    /** A new browser profile, which is a new device. */
    async device(options = {}) {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(WAIT_MS);
      return context;
    },
    /** A browser profile that blocks third-party storage, as Debian's default profile and incognito windows do. */
    async deviceWithoutStorage(options = {}) {
      const folder = mkdtempSync(join(tmpdir(), 'onethread-profile-'));
      profiles.push(folder);
      mkdirSync(join(folder, 'Default'));
      writeFileSync(
        join(folder, 'Default', 'Preferences'),
        JSON.stringify({ profile: { cookie_controls_mode: 1, block_third_party_cookies: true } }),
      );
      const context = await chromium.launchPersistentContext(folder, {
        executablePath,
        headless: true,
        args,
        ...options,
      });
      context.setDefaultTimeout(WAIT_MS);
      return context;
    },
    async stop() {
      await browser.close();
      await server.stop();
      for (const folder of profiles) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A page that records its warnings and its errors: of scripts, and violations of content policies. */
export async function openPage(device, address) {
  const page = await device.newPage();
  page.errors = [];
  page.warnings = [];
  page.on('console', (line) => line.type() === 'warning' && page.warnings.push(line.text()));
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (line) => {
    // Chromium logs each response from 400 on. Other tests check those.
    if (line.type() === 'error' && !line.text().startsWith('Failed to load resource'))
      page.errors.push(line.text());
  });
  await page.goto(address);
  return page;
}

/** The demo page with its chat open, as the user with this number (0 is a visitor). */
export async function openChat(device, base, person, { hash = '' } = {}) {
  const page = await openPage(device, `${base}/demo`);
  await page.locator('#people input').nth(person).check();
  await page.fill('#hash', hash);
  await Promise.all([
    page.waitForEvent('load'),
    page.getByRole('button', { name: 'Reload as this user' }).click(),
  ]);
  await page.getByRole('button', { name: /^Open chat/ }).click();
  return chatControls(page);
}

/** Uses an open chat as a visitor does. */
function chatControls(page) {
  const chat = page.frameLocator('onethread-widget iframe');
  return {
    page,
    chat,
    /** Waits until the thread is exactly this. */
    async thread(...texts) {
      const shown = () => chat.locator('#thread .text').allTextContents();
      await waitUntil(
        `the thread ${JSON.stringify(texts)}`,
        async () => JSON.stringify(await shown()) === JSON.stringify(texts),
        shown,
      );
    },
    async say(text) {
      await chat.locator('#text').fill(text);
      await chat.locator('#text').press('Enter');
    },
    async fillForm(fields) {
      for (const [name, value] of Object.entries(fields))
        await chat.locator(`#fields input[name="${name}"]`).fill(value);
      await chat.getByRole('button', { name: 'Start chat' }).click();
      await chat.locator('#composer').waitFor();
    },
  };
}

/** The inbox, logged in as the demo owner. */
export async function openInbox(device, base, demo) {
  const page = await openPage(device, `${base}/inbox`);
  await page.fill('input[name="organization"]', demo.organization);
  await page.fill('input[name="email"]', demo.agent.email);
  await page.fill('input[name="password"]', demo.agent.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#app').waitFor();
  return page;
}

/** Libraries that customers' pages use, by their paths on the site. */
const LIBRARIES = {
  '/lib/turbo.js': '@hotwired/turbo/dist/turbo.es2017-umd.js',
  '/lib/react.js': 'react/umd/react.development.js',
  '/lib/react-dom.js': 'react-dom/umd/react-dom.development.js',
};

/**
 * A customer's site on its own origin. `pages` has each page by its path: the content of its body, or
 * `{head, body, headers}`. With `host: 'localhost'` it is another site than the server's, as in production.
 */
export async function site(pages, { host = '127.0.0.1', headers = {} } = {}) {
  const server = createServer(({ url }, answer) => {
    const { pathname } = new URL(url, 'http://site');
    if (pathname in LIBRARIES) {
      answer.writeHead(200, { ...headers, 'Content-Type': 'text/javascript; charset=utf-8' });
      return answer.end(readFileSync(join(MODULES, LIBRARIES[pathname])));
    }
    const found = pages[pathname];
    const page = typeof found === 'string' ? { body: found } : (found ?? {});
    answer.writeHead(found === undefined ? 404 : 200, {
      'Content-Type': 'text/html; charset=utf-8',
      ...headers,
      ...page.headers,
    });
    answer.end(
      `<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><title>${page.title ?? 'A site'}</title>${page.head ?? ''}</head><body>${page.body ?? ''}</body></html>`,
    );
  });
  server.unref();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    base: `http://${host}:${server.address().port}`,
    stop: () => new Promise((done) => server.close(done).closeAllConnections()),
  };
}

/** The code of the documented snippet for this user. */
export function snippetCode({ organization, applicationId, applicationSecret }, user) {
  const options = JSON.stringify({ applicationId, applicationSecret, user });
  return `window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = [];
    HelpCrunch('init', '${organization}', ${options});
    HelpCrunch('showChatWidget');`;
}

/** The documented snippet for this user, with a `nonce` for pages with a strict content policy. */
export function snippet(base, demo, user, nonce = '') {
  const allowed = nonce && ` nonce="${nonce}"`;
  return `<script${allowed}>${snippetCode(demo, user)}</script>
  <script async${allowed} src="${base}/widget.js"></script>`;
}

/** Opens the chat on a page with the widget. */
export async function chatOn(page) {
  await page.getByRole('button', { name: /^Open chat/ }).click();
  return chatControls(page);
}

/** Calls the widget as the page would. */
export const call = (page, ...args) =>
  page.evaluate((args) => void window.HelpCrunch(...args), args);

/** A call of the JSON API with the organization's key. */
export async function api(base, demo, method, path, body) {
  const answer = await fetch(`${base}/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${demo.apiKey}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

/** Logs in as the demo owner; returns a function that calls the JSON API. API keys may not call everything. */
export async function loginAsOwner(base, { organization, agent }) {
  const login = await fetch(`${base}/v1/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ organization, email: agent.email, password: agent.password }),
  });
  const { token } = await login.json();
  return (method, path, body) => api(base, { apiKey: token }, method, path, body);
}

/** Sends a reply of the team in this contact's conversation. */
export function reply(base, demo, id, text) {
  return api(base, demo, 'POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text,
  });
}

/** The contact with this user id. */
export async function contactOf(base, demo, userId) {
  const { items } = await api(base, demo, 'POST', '/contacts/search', {
    filter: [{ field: 'userId', operator: '=', value: userId }],
  });
  return items[0];
}

/** An initial script of a page that counts the sounds that it plays. */
export const COUNT_SOUNDS =
  'window.sounds = 0; const play = OscillatorNode.prototype.start; OscillatorNode.prototype.start = function (...at) { window.sounds++; return play.apply(this, at); };';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];

/** The serious accessibility violations that axe finds in a page or a frame. */
export async function violationsIn(place) {
  // Evaluated through the debugger: the pages' content policies forbid scripts of other origins.
  await place.evaluate(`${AXE}; void 0`);
  const { violations, passes } = await place.evaluate(
    (tags) => window.axe.run(document, { runOnly: tags, iframes: false }),
    AXE_RULES,
  );
  if (!passes.length) throw new Error('axe checked nothing');
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** Waits until `test` is true. The error of a timeout has the value of `now`. */
export async function waitUntil(what, test, now) {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await pause(50))
    if (await test()) return;
  throw new Error(
    `timed out waiting for ${what}${now ? `, but ${JSON.stringify(await now())}` : ''}`,
  );
}
