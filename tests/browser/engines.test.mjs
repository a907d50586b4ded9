// A complete visit in Debian's Firefox and WebKitGTK, on pages of another site than the server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ENGINES } from './engines.mjs';
import { reply, contactOf, waitUntil, startEnvironment } from './harness.mjs';
import { hostPages } from './hosts.mjs';

const VISITS = {
  'other site': ['/plain'],
  'storage blocked': ['/plain', false],
  'require-corp': ['/require-corp'],
  credentialless: ['/credentialless'],
  'strict content policy': ['/strict'],
  Turbo: ['/turbo'],
  React: ['/react'],
  'snippet twice': ['/twice'],
};

let env, shop;
before(async () => {
  env = await startEnvironment();
  shop = await hostPages(env);
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

/** Drives the chat by scripts, since the engines' input events differ too much. */
function chatControls({ run, inside }) {
  const button = () =>
    run(() =>
      document
        .querySelector('onethread-widget')
        ?.shadowRoot.querySelector('button')
        ?.getAttribute('aria-label'),
    );
  const texts = () =>
    inside(() => [...document.querySelectorAll('#thread .text')].map((one) => one.textContent));
  const shows = (selector) =>
    waitUntil(selector, () =>
      inside((selector) => !!document.querySelector(selector), selector).catch(() => false),
    );
  return {
    shows,
    call: (...args) => run((...args) => void window.HelpCrunch(...args), ...args),
    async open() {
      await waitUntil('the button', async () => (await button()) === 'Open chat', button);
      await run(() =>
        document.querySelector('onethread-widget').shadowRoot.querySelector('button').click(),
      );
    },
    thread: (...expected) =>
      waitUntil(
        `the thread ${expected}`,
        async () => JSON.stringify(await texts()) === JSON.stringify(expected),
        texts,
      ),
    notice: () => inside(() => document.querySelector('#notice')?.innerText ?? ''),
    async say(text) {
      await shows('#composer');
      await inside((text) => {
        const box = document.querySelector('#text');
        box.value = text;
        box.dispatchEvent(new Event('input', { bubbles: true }));
        setTimeout(() => document.querySelector('#composer [type=submit]').click());
      }, text);
    },
  };
}

/** Starts as a visitor, logs in, sends, receives live, logs out, and logs in as another user. */
async function journey(page, name) {
  const { base, demo } = env;
  const [one, other] = [`${name}-1`, `${name}-2`];
  const { open, shows, call, say, thread, notice } = chatControls(page);
  await open();
  await shows('#form');
  await call('userAuth', { user_id: one, name: 'Ulla One' });
  await say('hello');
  await thread('hello');
  const { id } = await contactOf(base, demo, one);
  await reply(base, demo, id, 'an answer');
  await thread('hello', 'an answer');
  await call('logout');
  await shows('#form');
  await thread();
  await call('userAuth', { user_id: other, name: 'Otto Other' });
  await say('from another user');
  await thread('from another user');
  await call('userAuth', { user_id: one });
  await thread('hello', 'an answer');
  assert.equal(await notice(), '');
  assert.deepEqual(page.errors, []);
}

for (const [engine, { skip, blocksStorage, start }] of Object.entries(ENGINES)) {
  describe(`a complete visit in ${engine}`, { skip }, () => {
    let browser;
    before(async () => (browser = await start()));
    after(() => browser?.stop());
    for (const [name, [path, storage]] of Object.entries(VISITS)) {
      if (storage === false && !blocksStorage) continue;
      test(name, { timeout: 120_000 }, async () => {
        const page = await browser.open(shop.base + path, `${env.base}/widget/frame`, storage);
        try {
          await journey(page, `${engine} ${name}`);
        } finally {
          await page.close();
        }
      });
    }
  });
}
