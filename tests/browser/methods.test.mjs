// Each method and each event that the snippet documents, called from a customer's page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EARS, answer, api, contactOf, openPage, seen, site, snippet, stage } from './harness.mjs';

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
  // HelpCrunch's, which are others of these or have no effect here.
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

let it, shop;
before(async () => {
  it = await stage();
  const own = (user) => snippet(it.base, it.demo, user);
  shop = await site({
    '/ann': own(ANN),
    '/claimed': own({ user_id: 'claimed' }),
    '/later': `<script src="${it.base}/widget.js"></script>`,
  });
});
after(async () => {
  await shop?.stop();
  await it?.stop();
});

/** A page whose calls are counted, and whose events are kept in `told`. */
async function visit(device, path, called) {
  const page = await openPage(device, 'about:blank');
  await page.addInitScript(EARS);
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
    window.told = [];
    // A listener gets the values themselves, and as HelpCrunch has it in `detail` as well.
    const values = (event) => {
      if (typeof event !== 'object') return event;
      const { detail, ...rest } = event;
      return JSON.stringify(detail) === JSON.stringify(rest) ? detail : 'the two differ';
    };
    for (const event of events)
      window.HelpCrunch(event, (given) => window.told.push([event, values(given)]));
  }, EVENTS);
  const told = (event) =>
    page.evaluate(
      (event) => window.told.filter(([name]) => name === event).map(([, detail]) => detail),
      event,
    );
  return {
    page,
    call,
    told,
    button: page.locator('onethread-widget button'),
    chat: page.frameLocator('onethread-widget iframe'),
  };
}

test('every documented method and event', async () => {
  const { base, demo } = it;
  const device = await it.device();
  const called = new Set();
  const { page, call, told, button, chat } = await visit(device, '/later', called);
  const thread = () => chat.locator('#thread .text').allTextContents();
  const happened = (event, count) =>
    seen(
      `${event} × ${count}`,
      async () => (await told(event)).length >= count,
      () => page.evaluate(() => window.told),
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

  await call('sendUserMessage', 'said by the page');
  await seen('it in the thread', async () => (await thread()).includes('said by the page'), thread);
  await call('trackEvent', 'bought', { price: 5 });
  await call('updateUser', { phone: '+49 30 555' });
  await call('updateUserData', { plan: 'gold' });
  const { id } = await contactOf(base, demo, ANN.user_id);
  const contact = () => api(base, demo, 'GET', `/contacts/${id}`);
  await seen(
    'what the page told',
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

  // An answer while the chat is closed: a count, an event, and a sound unless it is muted.
  await page.mouse.click(10, 10);
  const frame = page.frames().find((one) => one.url().startsWith(base));
  await answer(base, demo, id, 'first answer');
  await happened('onNewUnreadChat', 1);
  await page.getByRole('button', { name: 'Open chat, 1 unread' }).waitFor();
  assert.deepEqual((await told('onNewUnreadChat')).at(-1), {
    unread: 1,
    text: 'first answer',
    unreadChats: 1,
  });
  assert.deepEqual((await told('onNewUnreadMessages')).at(-1), {
    unread: 1,
    text: 'first answer',
    unreadMessages: 1,
  });
  const said = (text, author_name) => ({ message: { text, content: text, author_name } });
  assert.deepEqual((await told('onAgentMessage')).at(-1), said('first answer', 'Team'));
  assert.deepEqual(await told('onCustomerMessage'), [said('said by the page', 'Ann')]);
  assert.deepEqual(await told('onMessage'), [
    said('said by the page', 'Ann'),
    said('first answer', 'Team'),
  ]);
  await happened('onUnreadCountChange', 2);
  await call('muteNotificationSound');
  const before = await frame.evaluate(() => window.sounds);
  await answer(base, demo, id, 'second answer');
  await happened('onNewUnreadChat', 2);
  assert.equal(await frame.evaluate(() => window.sounds), before, 'muted');
  assert.deepEqual((await told('onUnreadCountChange')).at(-1), 2);
  assert.deepEqual((await told('onNewUnreadChat')).at(-1), {
    unread: 2,
    text: 'second answer',
    unreadChats: 1,
  });
  assert.deepEqual((await told('onNewUnreadMessages')).at(-1), {
    unread: 2,
    text: 'second answer',
    unreadMessages: 2,
  });

  await call('typeUserMessage', 'not sent yet');
  await seen(
    'the draft',
    async () => (await chat.locator('#text').inputValue()) === 'not sent yet',
  );
  await seen('all read', async () => (await told('onUnreadCountChange')).at(-1) === 0);
  await call('hideChatWidget');
  await button.waitFor({ state: 'hidden' });
  await call('showChatWidget');
  await call('openChat');

  await call('userAuth', { user_id: 'bob', name: 'Bob' });
  await seen('Bob', async () => /Bob/.test(await chat.locator('#who').innerText()));
  assert.deepEqual(await thread(), []);
  await call('logout');
  await chat.locator('#form').waitFor();
  await call('userAuth', ANN);
  await seen('Ann again', async () => (await thread()).length === 3, thread);
  await call('forceUpdateUser', { company: 'Forced Ltd' });
  await seen('the company', async () => (await contact()).company === 'Forced Ltd', contact);
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
  assert.deepEqual(await told('onPreChatFormSubmit'), [
    { userData: { name: 'Vera', email: 'vera@example.com', phone: null, company: null } },
  ]);

  // What can't be told is an error that pages hear of, and a line in the console.
  await call('trackEvent', 'x'.repeat(300));
  await happened('onError', 1);
  const [{ message, status }] = await told('onError');
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

  // A claim refuses those who don't bring the hash, and ends the sessions that did not.
  const claimed = await visit(await it.device(), '/claimed', called);
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
  await seen('onSessionEnded', async () => (await claimed.told('onSessionEnded')).length === 1);
  await claimed.call('userAuth', { user_id: 'claimed', security_hash: 'wrong' });
  await seen(
    'onIdentityRefused',
    async () => (await claimed.told('onIdentityRefused')).length === 1,
  );

  // The script itself says what there is: nothing of it is left out here, nothing here is not in it.
  await page.evaluate(() => window.HelpCrunch('whatIsThere'));
  const known = page.warnings.at(-1).split(' but ')[1].split(',').sort();
  assert.deepEqual(known, [...METHODS, ...EVENTS].sort());
  assert.deepEqual([...called].sort(), [...METHODS].sort());
  for (const event of EVENTS)
    assert.ok((await told(event)).length + (await claimed.told(event)).length, event);
  assert.deepEqual([...page.faults, ...claimed.page.faults], []);
  await device.close();
});

test('the sound of an answer, once the person has touched the page', async () => {
  const { base, demo } = it;
  const device = await it.device();
  const { page, told, button, chat } = await visit(device, '/ann', new Set());
  await button.click();
  await chat.locator('#text').click();
  await chat.locator('#close').click();
  const frame = page.frames().find((one) => one.url().startsWith(base));
  const { id } = await contactOf(base, demo, ANN.user_id);
  // The first may find the audio asleep: what wakes it is the person's touch.
  for (let n = 1; (await frame.evaluate(() => window.sounds)) === 0; n++) {
    assert.ok(n < 5, 'no sound');
    await answer(base, demo, id, `answer ${n}`);
    await seen(`answer ${n}`, async () => (await told('onNewUnreadChat')).length >= n);
  }
  assert.deepEqual(page.faults, []);
  await device.close();
});
