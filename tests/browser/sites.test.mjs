// The widget on pages like those of real customers: on another site than the server, without storage, cross-origin
// isolated, with a strict content policy, and with frameworks that replace the page or run the snippet again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { reply, call, chatOn, contactOf, openPage, startEnvironment } from './harness.mjs';
import { hostPages } from './hosts.mjs';

let env, shop;
before(async () => {
  env = await startEnvironment();
  shop = await hostPages(env);
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

/** Starts as a visitor, logs in, sends, receives live, logs out, and logs in as another user. */
async function journey(page, name) {
  const { base, demo } = env;
  const [one, other] = [`${name}-1`, `${name}-2`];
  const { chat, say, thread } = await chatOn(page);
  await chat.locator('#form').waitFor();
  await call(page, 'userAuth', { user_id: one, name: 'Ulla One' });
  await chat.locator('#composer').waitFor();
  await say('hello');
  await thread('hello');
  const { id } = await contactOf(base, demo, one);
  await reply(base, demo, id, 'an answer');
  await thread('hello', 'an answer');
  await call(page, 'logout');
  await chat.locator('#form').waitFor();
  await thread();
  await call(page, 'userAuth', { user_id: other, name: 'Otto Other' });
  await chat.locator('#composer').waitFor();
  await thread();
  await say('from another user');
  await thread('from another user');
  await call(page, 'userAuth', { user_id: one });
  await thread('hello', 'an answer');
  assert.deepEqual(page.errors, []);
  return { chat, say, thread, id };
}

for (const name of [
  'plain',
  'require-corp',
  'credentialless',
  'strict',
  'turbo',
  'react',
  'twice',
]) {
  test(`a complete visit on another site: ${name}`, async () => {
    const device = await env.device();
    await journey(await openPage(device, `${shop.base}/${name}`), name);
    await device.close();
  });
}

test('a complete visit with third-party storage blocked', async () => {
  const device = await env.deviceWithoutStorage();
  const page = await openPage(device, `${shop.base}/plain`);
  const { chat, id } = await journey(page, 'blocked');
  assert.equal(await chat.locator('#notice').isVisible(), false);
  // The badge works, too, in a tab whose chat stays closed.
  await chat.locator('#close').click();
  await reply(env.base, env.demo, id, 'while it is closed');
  await page.getByRole('button', { name: 'Open chat, 1 unread' }).waitFor();
  assert.doesNotMatch(await chat.locator('body').innerText(), /Error/);
  await device.close();
});

// The ways in which a browser may block storage.
const BROKEN = {
  missing: `for (const name of ['locks', 'serviceWorker']) Object.defineProperty(Navigator.prototype, name, { value: undefined });
    for (const name of ['BroadcastChannel', 'localStorage', 'sessionStorage', 'indexedDB', 'caches']) Object.defineProperty(window, name, { value: undefined });`,
  throwing: `const no = () => { throw new DOMException('The operation is insecure.', 'SecurityError') };
    for (const name of ['locks', 'serviceWorker']) Object.defineProperty(Navigator.prototype, name, { get: no });
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) Object.defineProperty(window, name, { get: no });
    window.BroadcastChannel = class { constructor() { no() } };`,
  rejecting: `LockManager.prototype.request = () => Promise.reject(new DOMException('The request was denied.', 'SecurityError'));
    Storage.prototype.setItem = () => { throw new DOMException('exceeded the quota', 'QuotaExceededError') };
    SubtleCrypto.prototype.digest = () => Promise.reject(new DOMException('no', 'OperationError'));`,
  'locks alone rejecting': `LockManager.prototype.request = () => Promise.reject(new DOMException('The request was denied.', 'SecurityError'));`,
  'locks never given': `LockManager.prototype.request = () => new Promise(() => {});`,
  'mute channels': `BroadcastChannel.prototype.postMessage = () => { throw new DOMException('closed', 'InvalidStateError') };`,
};
for (const [how, script] of Object.entries(BROKEN)) {
  test(`a complete visit with storage, locks and channels ${how}`, async () => {
    const device = await env.device();
    await device.addInitScript(script);
    const page = await openPage(device, `${shop.base}/plain`);
    const { chat } = await journey(page, `broken-${how.replaceAll(' ', '-')}`);
    assert.equal(await chat.locator('#notice').isVisible(), false);
    await device.close();
  });
}

for (const part of ['body', 'head']) {
  test(`with Turbo the button comes back and the chat continues: snippet in the ${part}`, async () => {
    const device = await env.device();
    const first = part === 'body' ? '/turbo' : '/turbo-head';
    const page = await openPage(device, shop.base + first);
    const { chat, say, thread } = await chatOn(page);
    await call(page, 'userAuth', { user_id: `turbo-${part}`, name: 'Tina' });
    await chat.locator('#composer').waitFor();
    await say('before');
    await thread('before');
    for (const [link, path] of [
      ['next', `${first}/next`],
      ['back', first],
      ['next', `${first}/next`],
    ]) {
      // Turbo shows its cached copy of a page and renders the page again after the response. The snippet runs both times,
      // without a user.
      await page.getByRole('link', { name: link }).evaluate((one) => {
        const loaded = new Promise((done) =>
          document.addEventListener('turbo:load', done, { once: true }),
        );
        one.click();
        return loaded;
      });
      assert.equal(new URL(page.url()).pathname, path);
      // The new page runs the snippet without a user, and then names its user.
      await call(page, 'userAuth', { user_id: `turbo-${part}`, name: 'Tina' });
      await thread('before');
    }
    await say('after');
    await thread('before', 'after');
    assert.equal(await page.locator('onethread-widget').count(), 1);
    assert.deepEqual(page.errors, []);
    await device.close();
  });
}

for (const [what, script] of Object.entries({
  'the element is removed': () => document.querySelector('onethread-widget').remove(),
  'the body is emptied': () => (document.body.innerHTML = '<p>another page</p>'),
  'the body is replaced': () => (document.body = document.createElement('body')),
  'the whole document is replaced': () =>
    document
      .replaceChild(document.createElement('html'), document.documentElement)
      .append(document.createElement('body')),
})) {
  test(`the chat continues when ${what}, again and again`, async () => {
    const device = await env.device();
    const page = await openPage(device, `${shop.base}/plain`);
    const user_id = what.replaceAll(' ', '-');
    const { chat, say, thread } = await chatOn(page);
    await call(page, 'userAuth', { user_id, name: 'Rita' });
    await chat.locator('#composer').waitFor();
    await say('one');
    await thread('one');
    for (let n = 0; n < 2; n++) {
      await page.evaluate(script);
      await page.getByRole('button', { name: 'Close chat' }).waitFor();
      await thread('one');
    }
    const { id } = await contactOf(env.base, env.demo, user_id);
    await reply(env.base, env.demo, id, 'two');
    await thread('one', 'two');
    assert.deepEqual(page.errors, []);
    await device.close();
  });
}
