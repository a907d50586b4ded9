// Browsers other than Chromium, each with a page open: Firefox by WebDriver BiDi, WebKitGTK by its WebDriver.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import puppeteer from 'puppeteer-core';
import { waitUntil } from './harness.mjs';

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';
const WEBKIT = [
  '/usr/bin/WebKitWebDriver',
  '/usr/bin/Xvfb',
  '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
];

/** Why a browser can't be tested here, or false. */
const missing = (files) =>
  files.filter((file) => !existsSync(file)).map((file) => `there is no ${file}`)[0] ?? false;

/**
 * By name: `skip`, whether storage can be blocked, and `start`, which returns `open(address, frame, storage)`. A page runs
 * functions in itself and, by `inside`, in the frame whose address begins with `frame`.
 */
export const ENGINES = {
  Firefox: { skip: missing([FIREFOX]), blocksStorage: true, start: startFirefox },
  WebKit: { skip: missing(WEBKIT), blocksStorage: false, start: startWebKit },
};

async function startFirefox() {
  return {
    async open(address, frame, storage = true) {
      const extraPrefsFirefox = storage ? {} : { 'network.cookie.cookieBehavior': 1 };
      const browser = await puppeteer.launch({
        browser: 'firefox',
        executablePath: FIREFOX,
        headless: true,
        extraPrefsFirefox,
      });
      const page = await browser.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      await page.goto(address);
      return {
        errors,
        run: (step, ...args) => page.evaluate(step, ...args),
        inside: (step, ...args) =>
          page
            .frames()
            .find((one) => one.url().startsWith(frame))
            .evaluate(step, ...args),
        close: () => browser.close(),
      };
    },
    stop: async () => {},
  };
}

async function startWebKit() {
  const screen = spawn('/usr/bin/Xvfb', ['-displayfd', '1', '-screen', '0', '1200x900x24'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const display = await new Promise((resolve) =>
    screen.stdout.once('data', (number) => resolve(`:${String(number).trim()}`)),
  );
  const port = await freePort();
  const env = {
    ...process.env,
    DISPLAY: display,
    LIBGL_ALWAYS_SOFTWARE: '1',
    WEBKIT_DISABLE_COMPOSITING_MODE: '1',
  };
  const driver = spawn(WEBKIT[0], [`--port=${port}`, '--host=127.0.0.1'], { env, stdio: 'ignore' });
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${value.message}`);
    return value;
  };
  await waitUntil('the driver', () =>
    call('GET', '/status').then(
      () => true,
      () => false,
    ),
  );
  return {
    async open(address) {
      const options = { binary: WEBKIT[2], args: ['--automation'] };
      const { sessionId } = await call('POST', '/session', {
        capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } },
      });
      const session = (path, body = {}) => call('POST', `/session/${sessionId}${path}`, body);
      const execute = (step, args) =>
        session('/execute/sync', { script: `return (${step})(...arguments)`, args });
      await session('/url', { url: address });
      return {
        errors: [],
        async run(step, ...args) {
          await session('/frame', { id: null });
          return execute(step, args);
        },
        async inside(step, ...args) {
          await session('/frame', { id: null });
          const element = await execute(
            () => document.querySelector('onethread-widget').shadowRoot.querySelector('iframe'),
            [],
          );
          await session('/frame', { id: element });
          return execute(step, args);
        },
        close: () => call('DELETE', `/session/${sessionId}`),
      };
    },
    async stop() {
      driver.kill();
      screen.kill();
    },
  };
}

function freePort() {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}
