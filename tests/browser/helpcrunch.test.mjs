// HelpCrunch's JavaScript API as existing pages call it: the methods about the user.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  api,
  call,
  chatOn,
  contactOf,
  openPage,
  loginAsOwner,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

let env, shop;
before(async () => {
  env = await startEnvironment();
  const snippetFor = (user) => snippet(env.base, env.demo, user);
  shop = await site(
    {
      '/visitor': snippetFor({}),
      '/hashed': snippetFor({ user_id: 'hashed', name: 'Hash', security_hash: 'right' }),
      '/number': snippetFor({ user_id: 42, name: 'Deep' }),
    },
    { host: 'localhost' },
  );
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

const waitForWarning = (page, ...parts) =>
  waitUntil(
    `a warning of ${parts}`,
    () => page.warnings.some((line) => parts.every((part) => line.includes(part))),
    () => page.warnings,
  );
const customData = async (userId) => (await contactOf(env.base, env.demo, userId))?.customData;

test('updateUser with a user_id logs in by the same check as userAuth', async () => {
  const [mine, theirs] = [await env.device(), await env.device()];
  const owned = await chatOn(await openPage(mine, `${shop.base}/hashed`));
  await owned.say('private');
  await owned.thread('private');
  const page = await openPage(theirs, `${shop.base}/visitor`);
  const { chat, thread, say } = await chatOn(page);
  await chat.locator('#form').waitFor();
  await page.evaluate(() => {
    window.refused = 0;
    window.HelpCrunch('onIdentityRefused', () => window.refused++);
  });
  for (const [n, proof] of [{}, { security_hash: 'wrong' }].entries()) {
    await call(page, 'updateUser', { user_id: 'hashed', ...proof });
    await waitUntil('the refusal', () => page.evaluate((n) => window.refused === n, n + 1));
    await thread();
    assert.doesNotMatch(await chat.locator('body').innerText(), /private|Hash/);
  }
  await call(page, 'updateUser', {
    user_id: 'hashed',
    security_hash: 'right',
    company: 'Hash Ltd',
  });
  await thread('private');
  await say('from the other page');
  await thread('private', 'from the other page');
  // Without a user_id, or with the same one, it changes the profile of the current user.
  await call(page, 'updateUser', { user_id: 'hashed', phone: '+49 30 555' });
  await call(page, 'updateUser', { user_id: null, custom_data: { plan: 'gold' } });
  await waitUntil('the profile', async () => {
    const { company, phone, customData } = await contactOf(env.base, env.demo, 'hashed');
    return company === 'Hash Ltd' && phone === '+49 30 555' && customData.plan === 'gold';
  });
  await thread('private', 'from the other page');
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await mine.close();
  await theirs.close();
});

test("a logout after a rejected login brings back the visitor's own thread", async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  const chat = await chatOn(page);
  await chat.fillForm({ name: 'Vera', email: 'vera@example.com' });
  await chat.say('as a visitor');
  await chat.thread('as a visitor');
  await call(page, 'userAuth', { user_id: 'hashed', security_hash: 'wrong' });
  await chat.thread();
  await call(page, 'logout');
  await chat.thread('as a visitor');
  // The same if the page doesn't wait for the response.
  await page.route('**/widget/v1/init', (route) => setTimeout(() => route.continue(), 500));
  await page.evaluate(() => {
    window.HelpCrunch('userAuth', { user_id: 'hashed', security_hash: 'wrong' });
    window.HelpCrunch('logout');
  });
  await chat.thread();
  await chat.thread('as a visitor');
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('a numeric user_id is converted to its decimal text, with a hint', async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/number`);
  const { chat, say, thread } = await chatOn(page);
  await chat.locator('#composer').waitFor();
  await waitForWarning(page, 'user_id is a number');
  await say('of 42');
  await thread('of 42');
  assert.ok(await contactOf(env.base, env.demo, '42'));
  await call(page, 'userAuth', { user_id: 999999999999999, name: 'Long' });
  await waitUntil(
    'the longest',
    async () => (await contactOf(env.base, env.demo, '999999999999999')) !== undefined,
  );
  await call(page, 'userAuth', { user_id: '42' });
  await thread('of 42');
  // The server rejects other types, and the user doesn't become a visitor.
  for (const wrong of [
    '4.2',
    '1e15',
    '12345678901234567890',
    'NaN',
    'Infinity',
    'true',
    '{}',
    '[1]',
    '() => 1',
  ]) {
    page.warnings.length = 0;
    await page.evaluate(
      (wrong) => window.HelpCrunch('userAuth', { user_id: (0, eval)(`(${wrong})`) }),
      wrong,
    );
    await waitForWarning(page, "the chat can't start", '/user/user_id');
  }
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('signature is an alias of user_hash', async () => {
  const { base, demo } = env;
  const asOwner = await loginAsOwner(base, demo);
  const { key } = await asOwner('POST', '/identity-keys', {});
  await asOwner('PATCH', '/organization', { policy: 'hmac' });
  const signature = createHmac('sha256', key).update('signed').digest('hex');
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  const { chat } = await chatOn(page);
  await chat.locator('#form').waitFor();
  await call(page, 'userAuth', { user_id: 'signed', name: 'Sig', signature });
  await chat.locator('#composer').waitFor();
  assert.equal((await contactOf(base, demo, 'signed')).verified, 'hmac');
  await asOwner('PATCH', '/organization', { policy: 'optional' });
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});

test("values that JSON can't represent erase no attribute and cause a warning", async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  await chatOn(page);
  await call(page, 'userAuth', {
    user_id: 'careful',
    name: 'Cara',
    custom_data: { age: 7, plan: 'gold', since: '2024-01-01', gone: 1, telegram: 'x' },
  });
  await waitUntil('the attributes', async () => (await customData('careful'))?.plan === 'gold');
  await page.evaluate(() =>
    window.HelpCrunch('updateUserData', {
      age: NaN,
      plan: undefined,
      since: new Date(NaN),
      // eslint-disable-next-line no-loss-of-precision -- pages may pass such numbers
      telegram: 1234567890123456789,
      infinite: 1 / 0,
      call: () => 1,
      exact: 9007199254740993n,
      size: 2 ** 53 - 1,
      gone: null,
      joined: new Date(0),
    }),
  );
  for (const key of ['age', 'plan', 'since', 'telegram', 'infinite', 'call'])
    await waitForWarning(page, `'${key}'`, 'left out');
  const expected = {
    age: 7,
    plan: 'gold',
    since: '2024-01-01',
    telegram: 'x',
    exact: '9007199254740993',
    size: 9007199254740991,
    joined: '1970-01-01T00:00:00.000Z',
  };
  await waitUntil(
    'the sent attributes',
    async () =>
      JSON.stringify(Object.entries(await customData('careful')).sort()) ===
      JSON.stringify(Object.entries(expected).sort()),
    () => customData('careful'),
  );
  // An attribute named `lost` isn't special.
  await call(page, 'updateUserData', { lost: 'and found' });
  await waitUntil('it', async () => (await customData('careful')).lost === 'and found');
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('a page may pass a proxy object of its framework', async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  await chatOn(page);
  await page.evaluate(() =>
    window.HelpCrunch('userAuth', new Proxy({ user_id: 'proxy', name: 'Vue' }, {})),
  );
  await waitUntil(
    'the person',
    async () => (await contactOf(env.base, env.demo, 'proxy'))?.name === 'Vue',
  );
  await page.evaluate(() => window.HelpCrunch('trackEvent', 'seen', new Proxy({ step: 1 }, {})));
  const { id } = await contactOf(env.base, env.demo, 'proxy');
  await waitUntil('the event', async () =>
    (await api(env.base, env.demo, 'GET', `/contacts/${id}`)).events.some(
      ({ name, data }) => name === 'seen' && data.step === 1,
    ),
  );
  assert.deepEqual([page.errors, page.warnings], [[], []]);
  await device.close();
});
