// Single-page apps: each action is sent with the page that the user is on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  api,
  call,
  chatOn,
  contactOf,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

let env, shop;
before(async () => {
  env = await startEnvironment();
  shop = await site(
    {
      '/start': {
        title: 'Start',
        body: snippet(env.base, env.demo, { user_id: 'spa', name: 'Spa' }),
      },
    },
    { host: 'localhost' },
  );
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

const MOVES = {
  pushState: () => history.pushState(0, '', '/pushed?step=1'),
  replaceState: () => history.replaceState(0, '', '/replaced'),
  popstate: () => (
    history.pushState(0, '', '/behind'),
    history.pushState(0, '', '/ahead'),
    history.back()
  ),
  hashchange: () => void (location.hash = 'part'),
};

test('each message, event and profile change is sent with the current page', async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/start`);
  const sent = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' || request.method() === 'PATCH')
      sent.push([new URL(request.url()).pathname, request.postDataJSON()]);
  });
  const { chat, say } = await chatOn(page);
  await chat.locator('#composer').waitFor();
  for (const [how, move] of Object.entries(MOVES)) {
    await page.evaluate(move);
    await page.evaluate((title) => (document.title = title), how);
    sent.length = 0;
    await say(`after ${how}`);
    await call(page, 'trackEvent', 'moved', { how });
    await call(page, 'updateUserData', { moved: how });
    await waitUntil(
      'three calls',
      () =>
        ['messages', 'track', 'contact'].every((name) =>
          sent.some(([path]) => path === `/widget/v1/${name}`),
        ),
      () => sent,
    );
    const url = page.url();
    for (const name of ['messages', 'track', 'contact']) {
      const { page: current } = sent.find(([path]) => path === `/widget/v1/${name}`)[1];
      assert.deepEqual({ url: current.url, title: current.title }, { url, title: how }, name);
    }
  }
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('agents see the page of the last action at once', async () => {
  const { base, demo } = env;
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/start`);
  const { chat, say, thread } = await chatOn(page);
  await chat.locator('#composer').waitFor();
  const { id } = await contactOf(base, demo, 'spa');
  const shown = async () => (await api(base, demo, 'GET', `/contacts/${id}`)).page;
  await page.evaluate(() => history.pushState(0, '', '/checkout'));
  await page.evaluate(() => (document.title = 'Checkout'));
  const before = await chat.locator('#thread .text').allTextContents();
  await say('at the checkout');
  await thread(...before, 'at the checkout');
  const now = await shown();
  assert.deepEqual(
    { url: now.url, title: now.title },
    { url: `${shop.base}/checkout`, title: 'Checkout' },
  );
  // Nothing else changed by it.
  await thread(...before, 'at the checkout');
  assert.equal((await api(base, demo, 'GET', `/contacts/${id}`)).sessions, 1);
  assert.deepEqual(page.errors, []);
  await device.close();
});
