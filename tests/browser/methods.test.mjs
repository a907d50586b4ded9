// Each documented method and event of the snippet, from a customer's page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  COUNT_SOUNDS,
  reply,
  api,
  contactOf,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

const ANN = { user_id: 'ann', name: 'Ann', email: 'ann@example.com' };
const METHODS = [
  'init',
  'userAuth',
  'updateUser',
  'updateUserData',
  'logout',
  'logOut',
  'showChatWidget',
  'hideChatWidget',
  'openChat',
  'closeChat',
  'trackEvent',
  'sendUserMessage',
  'typeUserMessage',
  'muteNotificationSound',
  'setLocalization',
  'setChatButtonOffset',
  // HelpCrunch's methods that are aliases or have no effect.
  'setPhraseList',
  'forceUpdateUser',
  'setOperatingHours',
  'setMediaCSS',
  'openKBArticle',
  'sendProactiveChatAutoMessage',
];
const EVENTS = [
  'onReady',
  'onChatOpen',
  'onChatClose',
  'onNewUnreadChat',
  'onNewUnreadMessages',
  'onUnreadCountChange',
  'onMessage',
  'onCustomerMessage',
  'onAgentMessage',
  'onPreChatFormSubmit',
  'onError',
  'onIdentityRefused',
  'onSessionEnded',
];

let env, shop;
before(async () => {
  env = await startEnvironment();
  const snippetFor = (user) => snippet(env.base, env.demo, user);
  shop = await site({
    '/ann': snippetFor(ANN),
    '/claimed': snippetFor({ user_id: 'claimed' }),
    '/later': `<script src="${env.base}/widget.js"></script>`,
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

/** A page that records its calls, and its events in `received`. */
async function visit(device, path, called) {
  const page = await openPage(device, 'about:blank');
  await page.addInitScript(COUNT_SOUNDS);
  await page.goto(shop.base + path);
  await page.waitForFunction(() => window.HelpCrunch?.loaded);
  const call = (method, ...args) => {
    called.add(method);
    return page.evaluate(
      ([method, args]) => void window.HelpCrunch(method, ...args),
      [method, args],
    );
  };
  await page.evaluate((events) => {
    window.received = [];
    // A listener gets the values in the event and, as with HelpCrunch, in its `detail`.
    const values = (event) => {
      if (typeof event !== 'object') return event;
      const { detail, ...rest } = event;
      return JSON.stringify(detail) === JSON.stringify(rest) ? detail : 'the two differ';
    };
    for (const event of events)
      window.HelpCrunch(event, (given) => window.received.push([event, values(given)]));
  }, EVENTS);
  const received = (event) =>
    page.evaluate(
      (event) => window.received.filter(([name]) => name === event).map(([, detail]) => detail),
      event,
    );
  return {
    page,
    call,
    received,
    button: page.locator('onethread-widget button'),
    chat: page.frameLocator('onethread-widget iframe'),
  };
}

test('every documented method and event', async () => {
  const { base, demo } = env;
  const device = await env.device();
  const called = new Set();
  const { page, call, received, button, chat } = await visit(device, '/later', called);
  const thread = () => chat.locator('#thread .text').allTextContents();
  const happened = (event, count) =>
    waitUntil(
      `${event} × ${count}`,
      async () => (await received(event)).length >= count,
      () => page.evaluate(() => window.received),
    );

  await call('init', demo.organization, {
    applicationId: demo.applicationId,
    applicationSecret: demo.applicationSecret,
    user: ANN,
  });
  await happened('onReady', 1);
  assert.equal(await button.isVisible(), false, 'nothing is shown before it is asked for');
  await call('showChatWidget');
  await button.waitFor();
  await call('openChat');
  await chat.locator('#composer').waitFor();
  await happened('onChatOpen', 1);
  await call('closeChat');
  await chat.locator('#composer').waitFor({ state: 'hidden' });
  await happened('onChatClose', 1);

  await call('sendUserMessage', 'sent by the page');
  await waitUntil(
    'it in the thread',
    async () => (await thread()).includes('sent by the page'),
    thread,
  );
  await call('trackEvent', 'bought', { price: 5 });
  await call('updateUser', { phone: '+49 30 555' });
  await call('updateUserData', { plan: 'gold' });
  const { id } = await contactOf(base, demo, ANN.user_id);
  const contact = () => api(base, demo, 'GET', `/contacts/${id}`);
  await waitUntil(
    'the events',
    async () => {
      const { phone, customData, events } = await contact();
      return (
        phone === '+49 30 555' &&
        customData.plan === 'gold' &&
        events.some(({ name, data }) => name === 'bought' && data.price === 5)
      );
    },
    contact,
  );

  await call('setLocalization', 'uk');
  await page.getByRole('button', { name: 'Відкрити чат' }).waitFor();
  await call('setPhraseList', 'en');
  await page.getByRole('button', { name: 'Open chat' }).waitFor();
  await call('setChatButtonOffset', { right: 60, bottom: 80 });
  assert.deepEqual(
    await button.evaluate((one) => [getComputedStyle(one).right, getComputedStyle(one).bottom]),
    ['60px', '80px'],
  );

  // A reply while the chat is closed: a count, an event, and a sound unless it is muted.
  await page.mouse.click(10, 10);
  const frame = page.frames().find((one) => one.url().startsWith(base));
  await reply(base, demo, id, 'first answer');
  await happened('onNewUnreadChat', 1);
  await page.getByRole('button', { name: 'Open chat, 1 unread' }).waitFor();
  assert.deepEqual((await received('onNewUnreadChat')).at(-1), {
    unread: 1,
    text: 'first answer',
    unreadChats: 1,
  });
  assert.deepEqual((await received('onNewUnreadMessages')).at(-1), {
    unread: 1,
    text: 'first answer',
    unreadMessages: 1,
  });
  const detail = (text, author_name) => ({ message: { text, content: text, author_name } });
  assert.deepEqual((await received('onAgentMessage')).at(-1), detail('first answer', 'Team'));
  assert.deepEqual(await received('onCustomerMessage'), [detail('sent by the page', 'Ann')]);
  assert.deepEqual(await received('onMessage'), [
    detail('sent by the page', 'Ann'),
    detail('first answer', 'Team'),
  ]);
  await happened('onUnreadCountChange', 2);
  await call('muteNotificationSound');
  const before = await frame.evaluate(() => window.sounds);
  await reply(base, demo, id, 'second answer');
  await happened('onNewUnreadChat', 2);
  assert.equal(await frame.evaluate(() => window.sounds), before, 'muted');
  assert.deepEqual((await received('onUnreadCountChange')).at(-1), 2);
  assert.deepEqual((await received('onNewUnreadChat')).at(-1), {
    unread: 2,
    text: 'second answer',
    unreadChats: 1,
  });
  assert.deepEqual((await received('onNewUnreadMessages')).at(-1), {
    unread: 2,
    text: 'second answer',
    unreadMessages: 2,
  });

  await call('typeUserMessage', 'not sent yet');
  await waitUntil(
    'the draft',
    async () => (await chat.locator('#text').inputValue()) === 'not sent yet',
  );
  await waitUntil('all read', async () => (await received('onUnreadCountChange')).at(-1) === 0);
  await call('hideChatWidget');
  await button.waitFor({ state: 'hidden' });
  await call('showChatWidget');
  await call('openChat');

  await call('userAuth', { user_id: 'bob', name: 'Bob' });
  await waitUntil('Bob', async () => /Bob/.test(await chat.locator('#who').innerText()));
  assert.deepEqual(await thread(), []);
  await call('logout');
  await chat.locator('#form').waitFor();
  await call('userAuth', ANN);
  await waitUntil('Ann again', async () => (await thread()).length === 3, thread);
  await call('forceUpdateUser', { company: 'Forced Ltd' });
  await waitUntil('the company', async () => (await contact()).company === 'Forced Ltd', contact);
  await call('logOut');
  await chat.locator('#form').waitFor();

  // A visitor who fills in the form.
  for (const [name, value] of [
    ['name', 'Vera'],
    ['email', 'vera@example.com'],
  ])
    await chat.locator(`#fields input[name="${name}"]`).fill(value);
  await chat.locator('#form button[type=submit]').click();
  await happened('onPreChatFormSubmit', 1);
  assert.deepEqual(await received('onPreChatFormSubmit'), [
    { userData: { name: 'Vera', email: 'vera@example.com', phone: null, company: null } },
  ]);

  // A failed call is an `onError` event and a warning in the console.
  await call('trackEvent', 'x'.repeat(300));
  await happened('onError', 1);
  const [{ message, status }] = await received('onError');
  assert.ok(message && status === 400, JSON.stringify({ message, status }));
  for (const method of [
    'setOperatingHours',
    'setMediaCSS',
    'openKBArticle',
    'sendProactiveChatAutoMessage',
  ]) {
    await call(method, 1);
    assert.match(page.warnings.at(-1), new RegExp(`'${method}' has no effect here`));
  }

  // A security hash rejects logins without it, and ends sessions that didn't send it.
  const claimed = await visit(await env.device(), '/claimed', called);
  await claimed.button.waitFor();
  const proven = {
    organization: demo.organization,
    applicationId: demo.applicationId,
    applicationSecret: demo.applicationSecret,
    user: { user_id: 'claimed', security_hash: 'right' },
  };
  const init = await fetch(`${base}/widget/v1/init`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(proven),
  });
  assert.equal(init.status, 200);
  await waitUntil(
    'onSessionEnded',
    async () => (await claimed.received('onSessionEnded')).length === 1,
  );
  await claimed.call('userAuth', { user_id: 'claimed', security_hash: 'wrong' });
  await waitUntil(
    'onIdentityRefused',
    async () => (await claimed.received('onIdentityRefused')).length === 1,
  );

  // The script lists its methods and events: this test covers all of them and no others.
  await page.evaluate(() => window.HelpCrunch('whatIsThere'));
  const [, list] = page.warnings.at(-1).match(/'whatIsThere' isn't one of (.*)\.$/);
  const known = list.split(',').sort();
  assert.deepEqual(known, [...METHODS, ...EVENTS].sort());
  assert.deepEqual([...called].sort(), [...METHODS].sort());
  for (const event of EVENTS)
    assert.ok((await received(event)).length + (await claimed.received(event)).length, event);
  assert.deepEqual([...page.errors, ...claimed.page.errors], []);
  await device.close();
});

test('a reply plays a sound once the user has interacted with the page', async () => {
  const { base, demo } = env;
  const device = await env.device();
  const { page, received, button, chat } = await visit(device, '/ann', new Set());
  await button.click();
  await chat.locator('#text').click();
  await chat.locator('#close').click();
  const frame = page.frames().find((one) => one.url().startsWith(base));
  const { id } = await contactOf(base, demo, ANN.user_id);
  // The first interaction starts the audio, so the first reply may be silent.
  for (let n = 1; (await frame.evaluate(() => window.sounds)) === 0; n++) {
    assert.ok(n < 5, 'no sound');
    await reply(base, demo, id, `answer ${n}`);
    await waitUntil(`answer ${n}`, async () => (await received('onNewUnreadChat')).length >= n);
  }
  assert.deepEqual(page.errors, []);
  await device.close();
});
